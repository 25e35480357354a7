import { describe, expect, it } from "vitest";
import {
  isRead,
  parseHttpStatement,
  takesBody,
  toChdbSql,
  toFileInsertSql,
} from "../../../sinks/clickhouse/chdb/http-statement.ts";

const parse = (query: string, body = "") => parseHttpStatement(new URLSearchParams(query), body);

describe("statements of the HTTP interface for chdb", () => {
  it("take the SQL from the URL or else from the body", () => {
    expect(parse("query=SELECT+1", "ignored").sql).toBe("SELECT 1");
    expect(parse("query_id=5", "SELECT 2").sql).toBe("SELECT 2");
  });

  it("tell settings, values and the protocol's own parameters apart", () => {
    const statement = parse("query_id=x&database=d&max_threads=1&param_a=1&param_max=2", "SELECT 1");
    expect(statement).toMatchObject({ settings: { max_threads: "1" }, parameters: { a: "1", max: "2" } });
  });

  it("refuse a setting whose name cannot be one", () => {
    for (const name of ["a b", "A", "1", "a=1, readonly", "a'"]) {
      expect(() => parse(new URLSearchParams([[name, "1"]]).toString(), "SELECT 1")).toThrow(RangeError);
    }
  });

  it("carry settings in SELECT, quoted, and never in CREATE, where they would be the table's", () => {
    const settings = { max_threads: "1", insert_deduplication_token: "it's \\" };
    expect(toChdbSql({ sql: "SELECT 1", settings, parameters: {} })).toBe(
      "SELECT 1\nSETTINGS max_threads = '1', insert_deduplication_token = 'it\\'s \\\\'",
    );
    expect(toChdbSql({ sql: "CREATE TABLE t (a Int8)", settings, parameters: {} })).toBe("CREATE TABLE t (a Int8)");
    expect(toChdbSql({ sql: "SELECT 1", settings: {}, parameters: {} }).trim()).toBe("SELECT 1");
  });

  it("read the rows of an insert from a file", () => {
    const sql = "INSERT INTO t (a, b) FORMAT RowBinary";
    expect(takesBody(sql)).toBe(true);
    expect(toFileInsertSql({ sql, settings: { max_threads: "1" }, parameters: {} }, "/tmp/it's.bin")).toBe(
      "INSERT INTO t (a, b) SETTINGS max_threads = '1' SELECT * FROM file('/tmp/it\\'s.bin', 'RowBinary')",
    );
  });

  it("take no body for anything else", () => {
    for (const sql of [
      "SELECT 1 FORMAT RowBinary",
      "INSERT INTO t SELECT 1",
      "INSERT INTO t (a) FORMAT RowBinary; DROP TABLE t",
    ]) {
      expect(takesBody(sql)).toBe(false);
    }
  });

  it("send reads and writes to connections of their own", () => {
    for (const sql of ["SELECT 1", "  with x as (select 1) select *", "SHOW TABLES"]) expect(isRead(sql)).toBe(true);
    for (const sql of [
      "INSERT INTO t SELECT 1",
      "CREATE TABLE selected (a Int8)",
      "DELETE FROM t WHERE 1",
      "ALTER TABLE t",
    ]) {
      expect(isRead(sql)).toBe(false);
    }
  });

  it("undo the escapes of bound values, which chdb's binding makes again", () => {
    const { parameters } = parse(
      new URLSearchParams([["param_a", "tab\\t line\\n quote\\' back\\\\n end\\0"]]).toString(),
      "SELECT 1",
    );
    expect(parameters).toEqual({ a: "tab\t line\n quote' back\\n end\0" });
  });
});
