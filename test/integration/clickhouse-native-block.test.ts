import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createClickHouseLink, type ClickHouseLink, type RowsInsert } from "../../sinks/clickhouse/clickhouse-link.ts";
import { initialTables } from "../../sinks/clickhouse/migrations/0001-initial-tables.ts";
import { storeReading } from "../../sinks/clickhouse/rows/reading-rows.ts";
import { newRowTarget } from "../../sinks/clickhouse/rows/row-encoder.ts";
import { writeSource } from "../../sinks/clickhouse/row-sheets.ts";
import { dictionaryColumn, dictionaryIndexes, nativeBlock, numberColumn } from "../../wire/native-block.ts";
import { RowBinaryWriter } from "../../wire/row-binary.ts";
import { CHDB_TITLE, hasChdb, openBench, type ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { reading, sourceAt, TENANT } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { SourcePosition } from "../../core/source-position.ts";

const START = Date.UTC(2024, 0, 10);
const countRow = z.object({ rows: z.number() });

/** Readings of one month, of devices of two tenants in no order, with values of every kind. */
function makeReadings(count: number): readonly (readonly [Reading, SourcePosition])[] {
  return Array.from({ length: count }, (_, n) => {
    const metrics = {
      [`metric ${n % 300}`]: n / 8,
      open: n % 3 === 0,
      state: ["läuft", "", "x".repeat(200), "'\\\0"][n % 4] ?? "",
      ...(n % 5 === 0 ? { extreme: [-0, 1e308, -5e-324, 2 ** 53][n % 4] ?? 0 } : {}),
    };
    const stage = ["main", "functions", "replay"][n % 3] ?? "";
    const more = { stage, generation: n % 2 === 0 ? 0 : 2 ** 32 - 1, step: n % 7, index: n % 11 };
    const one = reading(`d-${"x".repeat(n % 120)}${(n * 7919) % 400}`, START + ((n * 104_729) % 1_000_000), metrics);
    return [
      { ...one, tenant: n % 4 === 0 ? "other" : TENANT },
      sourceAt((n * 31) % 65_536, n * 2 ** 33, more),
    ] as const;
  });
}

function asColumns(all: readonly (readonly [Reading, SourcePosition])[]): Uint8Array {
  const target = newRowTarget();
  for (const [one, source] of all) storeReading(one, source, target);
  const sheets = target.readings.finish(target.latest);
  expect(sheets).toHaveLength(1);
  return sheets[0]?.bytes ?? new Uint8Array();
}

/** As releases before write them. */
function asRows(all: readonly (readonly [Reading, SourcePosition])[]): Uint8Array {
  const writer = new RowBinaryWriter();
  for (const [{ tenant, device, ts, metrics }, source] of all) {
    for (const [metric, value] of Object.entries(metrics)) {
      for (const text of [tenant, device, metric]) writer.string(text);
      writer.int64(ts);
      writer.uint8(typeof value === "number" ? 0 : typeof value === "boolean" ? 1 : 2);
      writer.float64(typeof value === "string" ? 0 : Number(value));
      writer.string(typeof value === "string" ? value : "");
      writeSource(writer, source);
    }
  }
  return writer.finish();
}

const COLUMNS = `tenant device metric ts kind number text
  src_stage src_partition src_generation src_offset src_step src_index`.split(/\s+/);

describe.skipIf(!hasChdb())(`format Native as ClickHouse reads it ${CHDB_TITLE}`, () => {
  let bench: ClickHouseBench;
  let link: ClickHouseLink;

  beforeAll(async () => {
    bench = await openBench();
    await bench.startChdb();
    link = createClickHouseLink(() => bench.connection());
    const statement = initialTables.statements.find((text) => text.includes(" readings ")) ?? "";
    for (const table of ["readings", "readings_rows"])
      await link.command(statement.replace(" readings ", ` ${table} `));
    await link.command("CREATE TABLE keys (lc LowCardinality(String), n UInt64) ENGINE = MergeTree ORDER BY n");
  });
  afterAll(async () => {
    await link.close();
    await bench.close();
  });
  const insert = (table: string, format: RowsInsert["format"], rows: Uint8Array, token: string) =>
    link.insert({ table, columns: COLUMNS, format, rows, token });
  const count = async (what: string) => (await link.query(`SELECT count() AS rows FROM ${what}`, countRow))[0]?.rows;

  it("stores the rows that RowBinary stores, bit by bit", async () => {
    const all = makeReadings(20_000);
    await insert("readings", "Native", asColumns(all), "columns");
    await insert("readings_rows", "RowBinary", asRows(all), "rows");
    const bits = COLUMNS.map((name) => (name === "number" ? "reinterpretAsUInt64(number)" : name)).join(", ");
    const of = (table: string) => `SELECT ${bits}, count() FROM ${table} GROUP BY ALL`;
    expect(await count("readings")).toBe(64_000);
    expect(await count("readings_rows")).toBe(64_000);
    expect(await count(`(${of("readings")} EXCEPT ${of("readings_rows")})`)).toBe(0);
    expect(await count(`(${of("readings_rows")} EXCEPT ${of("readings")})`)).toBe(0);
  });

  it.each(["readings", "readings_rows"])(
    "inserts into %s once, whichever format the token came with first",
    async (table) => {
      const all = makeReadings(3000).map(([one, source]) => [{ ...one, ts: one.ts + 1 }, source] as const);
      const [first, second] =
        table === "readings" ? (["Native", "RowBinary"] as const) : (["RowBinary", "Native"] as const);
      const bytesOf = (format: string) => (format === "Native" ? asColumns(all) : asRows(all));
      const before = (await count(table)) ?? 0;
      const token = `${table} of two releases`;
      await insert(table, first, bytesOf(first), token);
      expect(await count(table)).toBe(before + 9600);
      await insert(table, second, bytesOf(second), token);
      await insert(table, first, bytesOf(first), token);
      expect(await count(table)).toBe(before + 9600);
    },
  );

  it("makes one part of 600,000 rows", async () => {
    const all = makeReadings(200_000).map(([one, source]) => {
      return [{ ...one, ts: one.ts + 2, metrics: { a: 1, b: 2, c: 3 } }, source] as const;
    });
    await insert("readings", "Native", asColumns(all), "one part");
    expect(await count("system.parts AS p WHERE p.table = 'readings' AND p.level = 0 AND p.rows = 600000")).toBe(1);
  });

  it.each([256, 257, 65_536, 65_537])("takes a dictionary of %d texts", async (size) => {
    const keys = Array.from({ length: size }, (_, n) => `key ${n}`);
    const indexes = dictionaryIndexes(size, size);
    const numbers = new Uint32Array(2 * size);
    for (let n = 0; n < size; n += 1) {
      indexes[n] = n;
      numbers[2 * n] = n;
    }
    const rows = nativeBlock(size, [dictionaryColumn("lc", keys, indexes), numberColumn("n", "UInt64", numbers)]);
    await link.command("TRUNCATE TABLE keys");
    await link.insert({ table: "keys", columns: ["lc", "n"], format: "Native", rows, token: String(size) });
    expect(await count("keys WHERE lc = concat('key ', toString(n))")).toBe(size);
  });

  it("refuses a block that breaks off, and stores nothing of it", async () => {
    const bytes = asColumns(makeReadings(1000).map(([one, source]) => [{ ...one, ts: one.ts + 3 }, source] as const));
    const before = await count("readings");
    for (const length of [bytes.length - 1, Math.floor(bytes.length / 2), 40]) {
      await expect(insert("readings", "Native", bytes.subarray(0, length), `cut ${length}`)).rejects.toMatchObject({
        code: "SINK_REFUSED",
      });
    }
    expect(await count("readings")).toBe(before);
  });
});
