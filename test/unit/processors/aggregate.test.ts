import { describe, expect, it } from "vitest";
import { z } from "zod";
import { aggregateSchema } from "../../../core/derived-records.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { defineStream } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { Aggregate } from "../../../core/derived-records.ts";
import type { StageRun } from "../../support/stage-run.ts";

const T0 = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

interface Sent {
  readonly at: number;
  readonly values: object;
  readonly receivedAt?: number;
}

/** Seconds from T0. */
function runReadings(sent: readonly (Sent | ControlRecord)[], type: object = {}, stage = mainStage): StageRun {
  const parsed = deviceTypeSchema.parse({ tenant: "t", id: "probe", ...type });
  const device = { tenant: "t", id: "a", type: "probe", labels: {}, disabled: false };
  const config: ControlRecord = {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: [parsed],
    rules: [],
    devices: [device],
  };
  let received = T0;
  const records = sent.map((one, index) => {
    if ("kind" in one) return controlLogRecord(index + 1, received, one);
    received = T0 + (one.receivedAt ?? one.at) * 1000;
    const value = { ts: T0 + one.at * 1000, values: one.values };
    return logRecord({ offset: index + 1, timestamp: received, key: "t/a", value });
  });
  return runStage([controlLogRecord(0, T0, config), ...records], { stage });
}

function aggregates(run: StageRun): Aggregate[] {
  return valuesOf(run, "aggregates").map((value) => aggregateSchema.parse(value));
}

function t(at: number, value: number, receivedAt = at): Sent {
  return { at, values: { t: value }, receivedAt };
}

const flush: ControlRecord = { v: 1, kind: "flush", upTo: T0 + 3_600_000 };

describe("a window", () => {
  it("closes when event time reaches its end, with count, sum, min, max, mean, first and last", () => {
    expect(aggregates(runReadings([t(0, 4), t(20, 1), t(40, 7), t(60, 9)]))).toEqual([
      {
        v: 1,
        tenant: "t",
        device: "a",
        metric: "t",
        start: T0,
        size: MINUTE,
        revision: 0,
        count: 3,
        sum: 12,
        min: 1,
        max: 7,
        mean: 4,
        first: 4,
        last: 7,
      },
    ]);
  });

  it("takes first and last by event time; among equals the earlier arrival is first, the later last", () => {
    const [window] = aggregates(runReadings([t(20, 1), t(10, 2), t(10, 3), t(20, 4), t(60, 0)], { outOfOrderMs: 0 }));
    expect(window).toMatchObject({ first: 2, last: 4, count: 4 });
  });

  it("stands for each metric that is a number, and for no other", () => {
    const run = runReadings([{ at: 0, values: { a: 1, b: true, c: "x" } }, { at: 1, values: { d: 2 } }, flush]);
    expect(aggregates(run).map(({ metric, count }) => [metric, count])).toEqual([
      ["a", 1],
      ["d", 1],
    ]);
  });

  it("comes in each size of the device's type", () => {
    const run = runReadings([t(0, 1), t(30, 2), flush], { windowMs: [10_000, MINUTE] });
    expect(aggregates(run).map(({ size, start, count }) => [size, (start - T0) / 1000, count])).toEqual([
      [10_000, 0, 1],
      [10_000, 30, 1],
      [MINUTE, 0, 2],
    ]);
  });

  it("waits for what may come out of order", () => {
    expect(aggregates(runReadings([t(0, 1), t(65, 2)], { outOfOrderMs: 10_000 }))).toEqual([]);
    expect(aggregates(runReadings([t(0, 1), t(65, 2), t(50, 3), t(70, 4)], { outOfOrderMs: 10_000 }))).toMatchObject([
      { count: 2, revision: 0 },
    ]);
  });

  it("keeps a sum finite, whatever is added", () => {
    const run = runReadings([t(0, 1.7e308), t(1, 1.7e308), flush]);
    expect(aggregates(run)).toMatchObject([{ sum: Number.MAX_VALUE, max: 1.7e308 }]);
    expect(valuesOf(run, "dead-letters")).toEqual([]);
  });
});

describe("a late reading", () => {
  it("within the allowed lateness emits its window again, with the next revision, for its metrics only", () => {
    const both = { at: 0, values: { t: 1, u: 1 } };
    const run = runReadings([both, t(60, 0), t(10, 3), t(11, 5)]);
    const first = aggregates(run).filter(({ start }) => start === T0);
    expect(first.map(({ metric, revision, count, sum }) => [metric, revision, count, sum])).toEqual([
      ["t", 0, 1, 1],
      ["u", 0, 1, 1],
      ["t", 1, 2, 4],
      ["t", 2, 3, 9],
    ]);
  });

  it("for a window that nobody has seen yet makes revision 0 of it", () => {
    const run = runReadings([t(300, 1), t(10, 3)]);
    expect(aggregates(run)).toMatchObject([{ start: T0, revision: 0, count: 1 }]);
  });

  it("beyond the allowed lateness is dropped, told and counted", () => {
    const run = runReadings([t(0, 1), t(125, 1), t(59, 2), t(64, 3)], { allowedLatenessMs: MINUTE });
    expect(run.totals.get("t/a")).toMatchObject({ lateDropped: 1, processed: 4 });
    expect(valuesOf(run, "device-events")).toMatchObject([{ kind: "late-dropped", ts: T0 + 59_000 }]);
    expect(aggregates(run).map(({ start, count }) => [(start - T0) / 1000, count])).toEqual([
      [0, 1],
      [60, 1],
    ]);
  });

  it("does not leave state behind when its window has been let go", () => {
    const run = runReadings([
      t(0, 1),
      t(60, 1),
      t(60 + 3600, 1),
      flush,
      { v: 1, kind: "flush", upTo: T0 + 10 * 3_600_000 },
    ]);
    const slots = [...run.state.snapshotChunks()].flatMap((chunk) => chunk.slots);
    expect(slots.filter(({ fn, name }) => fn === "aggregate" && name.startsWith("w/"))).toEqual([]);
  });
});

describe("a device that falls silent", () => {
  it("has its window closed by partition time and the idle time", () => {
    const silentUntil = (receivedAt: number): Sent[] => [t(0, 1), { at: 1, values: { s: "x" }, receivedAt }];
    expect(aggregates(runReadings(silentUntil(119)))).toEqual([]);
    expect(aggregates(runReadings(silentUntil(120)))).toMatchObject([{ metric: "t", revision: 0 }]);
  });

  it("finds nothing of what it buffered late, but what belongs to the window that silence has closed", () => {
    const silent = [t(10, 1), t(20, 2, 7200), t(100, 3, 7200), t(200, 4, 7200), flush];
    const run = runReadings(silent, { allowedLatenessMs: 2 * 3_600_000 });
    expect(aggregates(run).map(({ start, revision, count }) => [(start - T0) / 1000, revision, count])).toEqual([
      [0, 0, 1],
      [0, 1, 2],
      [60, 0, 1],
      [180, 0, 1],
    ]);
    expect(run.totals.get("t/a")?.lateDropped).toBe(0);
  });

  it("is not silent while it speaks: readings within outOfOrder change a window before it is emitted", () => {
    const speaking = Array.from({ length: 121 }, (_, n) => t(n, n));
    const run = runReadings([...speaking, t(30, 1, 121)], { outOfOrderMs: 3_600_000, idleMs: 60_000 });
    expect(aggregates(run)).toEqual([]);
  });

  it("has readings before the window that silence closed taken as late at once", () => {
    const run = runReadings([t(130, 1), t(50, 2, 1000), t(55, 3, 1001), flush], { outOfOrderMs: 600_000 });
    expect(aggregates(run).map(({ start, revision, count }) => [(start - T0) / 1000, revision, count])).toEqual([
      [120, 0, 1],
      [0, 0, 1],
      [0, 1, 2],
    ]);
  });
});

describe("a window of more metrics than it may hold", () => {
  it("leaves the values of the last ones out, and says once how many", () => {
    const names = (from: number) =>
      Object.fromEntries(Array.from({ length: 200 }, (_, n): [string, number] => [`m${from + n}`, 1]));
    const sent = Array.from({ length: 12 }, (_, n): Sent => ({ at: n, values: names(n * 200) }));
    const run = runReadings([...sent, { at: 12, values: { m0: 3 } }, flush]);
    expect(aggregates(run)).toHaveLength(LIMITS.metricsPerWindowMax);
    expect(aggregates(run).find(({ metric }) => metric === "m0")).toMatchObject({ count: 2, max: 3 });
    expect(valuesOf(run, "device-events")).toMatchObject([
      { kind: "too-many-metrics", ts: T0, detail: expect.stringContaining("400 values") },
    ]);
  });
});

describe("a step that fails behind the aggregation", () => {
  const failing = defineStream<"readings", null>({
    name: "failing",
    version: 1,
    input: "readings",
    outputs: [],
    state: z.null(),
    onInput({ metrics }) {
      if (metrics["boom"] === true) throw new Error("boom");
    },
  });
  const stage = { ...mainStage, functions: [...mainStage.functions, failing] };
  const sent = [t(0, 4), t(20, 1), { at: 30, values: { t: 99, boom: true } }, t(40, 7)];
  const boom = { at: 70, values: { t: 98, boom: true } };

  it("leaves open windows and those that wait for late readings as they were", () => {
    const late = { at: 10, values: { t: 97, boom: true }, receivedAt: 80 };
    const type = { allowedLatenessMs: MINUTE };
    const spoilt = runReadings([...sent, boom, t(61, 5), late, flush], type, stage);
    const without = runReadings([t(0, 4), t(20, 1), t(40, 7), t(61, 5, 70), flush], type, stage);
    expect(spoilt.outputs.get("dead-letters")).toHaveLength(3);
    expect(aggregates(spoilt)).toEqual(aggregates(without));
  });
});
