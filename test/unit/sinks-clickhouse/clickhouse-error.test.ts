import { ClickHouseError } from "@clickhouse/client";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { parseClickHouseUrl } from "../../../sinks/clickhouse/clickhouse-target.ts";
import { toSinkError } from "../../../sinks/clickhouse/clickhouse-error.ts";

describe("an error of ClickHouse", () => {
  it("is passed on without the full stop and the blank that it ends with", () => {
    const refused = new ClickHouseError({ message: "Unknown column x. ", code: "47", type: "UNKNOWN_IDENTIFIER" });
    expect(toSinkError(refused, "insert", null)).toMatchObject({
      code: "SINK_REFUSED",
      message: "ClickHouse refuses to insert: Unknown column x (UNKNOWN_IDENTIFIER)",
    });
    expect(toSinkError(new Error("Connection lost. . "), "insert", null)).toMatchObject({
      code: "SINK_UNAVAILABLE",
      message: "ClickHouse cannot insert: Connection lost",
    });
  });

  it.each([
    ["516", "CONFIG_INVALID", "MILLRACE_CLICKHOUSE_URL"],
    ["497", "CONFIG_INVALID", "millrace clickhouse-sql"],
    ["81", "CONFIG_INVALID", "millrace clickhouse-sql"],
  ])("%s of a server is the operator's to mend, of the embedded one it is not", (code, ours, remedy) => {
    const error = new ClickHouseError({ message: "No. ", code });
    const server = parseClickHouseUrl("http://u:s3cret@ch:8123/plant");
    expect(toSinkError(error, "insert", server)).toMatchObject({
      code: ours,
      message: expect.stringMatching(/^ClickHouse at http:\/\/ch:8123\/plant cannot insert: .* \(No\)$/),
      remedy: expect.stringContaining(remedy),
    });
    expect(toSinkError(error, "insert", { ...server, place: "embedded" })).not.toMatchObject({ code: ours });
  });

  it("of the socket is one line with what to do, though every address of a name is dead", () => {
    const dead = Object.assign(new AggregateError([], ""), { code: "ECONNREFUSED" });
    expect(toSinkError(dead, "insert", parseClickHouseUrl("http://ch:8123"))).toMatchObject({
      code: "SINK_UNAVAILABLE",
      message: "ClickHouse at http://ch:8123/default cannot insert: ECONNREFUSED",
      remedy: expect.stringContaining("Start the server"),
    });
  });

  it("that is one of ours already stays as it is", () => {
    const own = new MillraceError("CHDB_MISSING", "x");
    expect(toSinkError(own, "insert", null)).toBe(own);
  });
});
