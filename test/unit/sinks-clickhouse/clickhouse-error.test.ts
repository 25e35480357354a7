import { ClickHouseError } from "@clickhouse/client";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { toSinkError } from "../../../sinks/clickhouse/clickhouse-error.ts";

describe("an error of ClickHouse", () => {
  it("is passed on without the full stop and the blank that it ends with", () => {
    const refused = new ClickHouseError({ message: "Unknown column x. ", code: "47", type: "UNKNOWN_IDENTIFIER" });
    expect(toSinkError(refused, "insert")).toMatchObject({
      code: "SINK_REFUSED",
      message: "ClickHouse refuses to insert: Unknown column x (UNKNOWN_IDENTIFIER)",
    });
    expect(toSinkError(new Error("Connection lost. . "), "insert")).toMatchObject({
      code: "SINK_UNAVAILABLE",
      message: "ClickHouse cannot insert: Connection lost",
    });
  });

  it("that is one of ours already stays as it is", () => {
    const own = new MillraceError("CHDB_MISSING", "x");
    expect(toSinkError(own, "insert")).toBe(own);
  });
});
