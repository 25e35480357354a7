import { describe, expect, test } from "vitest";
import { LogGauge } from "../../../../log/kafka/log-gauge.ts";
import { LogTopology } from "../../../../log/topology.ts";

function gaugeOf(bytesMax: number): LogGauge {
  const topology = new LogTopology(["telemetry", "readings"], 2);
  return new LogGauge(topology, { bytesMax, retentionMs: 64_000, clock: { now: () => 1000 } });
}

describe("the log's size", () => {
  test("grows at once with what this process appends", () => {
    const gauge = gaugeOf(1000);
    gauge.noteBatch(0, 10, 10, 400);
    gauge.noteBatch(3, 2, 2, 100);
    expect(gauge.bytes).toBe(500);
    expect([...gauge.ends]).toEqual([10, 0, 0, 2]);
  });

  test("takes the records of others for as large as those that were seen, and guesses where none was", () => {
    const gauge = gaugeOf(1_000_000);
    gauge.noteBatch(0, 10, 10, 400);
    gauge.noteRange(0, 0, 30);
    gauge.noteRange(1, 5, 9);
    gauge.recount();
    expect(gauge.recordBytes(0)).toBe(40);
    expect(gauge.bytes).toBe(30 * 40 + 4 * 256);
  });

  test("shrinks with what is deleted, and an end that was read too early does not shrink it", () => {
    const gauge = gaugeOf(1000);
    gauge.noteBatch(0, 10, 10, 400);
    gauge.noteRange(0, 6, 8);
    gauge.recount();
    expect(gauge.bytes).toBe(4 * 40);
  });
});

describe("appends", () => {
  test("are taken up to the ceiling, and tight before it", () => {
    const gauge = gaugeOf(1000);
    gauge.noteBatch(0, 7, 7, 750);
    expect([gauge.isTight, gauge.refusing()]).toEqual([false, null]);
    gauge.noteBatch(0, 8, 1, 249);
    expect([gauge.isTight, gauge.refusal()]).toEqual([true, null]);
  });

  test("are refused at the ceiling, with who holds retention back", () => {
    const gauge = gaugeOf(1000);
    gauge.noteBatch(0, 7, 7, 1000);
    expect(gauge.refusal()).toMatchObject({
      code: "LOG_FULL",
      message: "the log is full: 1000 of 1000 bytes are used",
    });
    gauge.heldBy = "notify has not read anything yet";
    expect(gauge.refusing()).toMatch(/are used; notify has not read anything yet$/);
  });

  test("are taken again when there is room", () => {
    const gauge = gaugeOf(1000);
    gauge.noteBatch(0, 10, 10, 1000);
    gauge.noteRange(0, 9, 10);
    gauge.recount();
    expect(gauge.refusal()).toBeNull();
  });
});
