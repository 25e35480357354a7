import { describe, expect, it } from "vitest";
import { createMemoryEventLog } from "../../../support/memory-event-log.ts";
import { stageSample, untilAppended } from "../../../../runtime/autoscaler/stage-sample.ts";
import type { JournalStatus, LogStatus } from "../../../../core/event-log.ts";

const STAGE = { name: "main", input: "telemetry" } as const;

const journal = (name: string, partition: number, offset: number, nextTimer: number | null): JournalStatus => {
  return { name, partition, epoch: 1, positions: [{ topic: "telemetry", partition, offset }], nextTimer };
};

const status = (journals: readonly JournalStatus[]): LogStatus => ({
  partitions: [
    { topic: "telemetry", partition: 1, startOffset: 20, endOffset: 30 },
    { topic: "telemetry", partition: 0, startOffset: 0, endOffset: 10 },
    { topic: "readings", partition: 0, startOffset: 0, endOffset: 99 },
  ],
  journals,
  bytes: 0,
  bytesMax: 1,
  refusing: null,
  deletedTelemetry: {},
});

describe("a sample of a stage", () => {
  it("has its position in every partition, and the soonest timer", () => {
    const log = status([
      journal("stage:main", 0, 7, 900),
      journal("stage:main", 1, 25, 400),
      journal("sink:x", 0, 1, 5),
    ]);
    expect(stageSample(log, STAGE, 3, 77)).toEqual({
      at: 77,
      partitions: [
        { end: 10, position: 7 },
        { end: 30, position: 25 },
      ],
      busySeconds: 3,
      nextTimer: 400,
    });
  });

  it("begins where the log does in a partition that was never worked", () => {
    const { partitions, nextTimer } = stageSample(status([journal("stage:main", 0, 7, null)]), STAGE, null, 0);
    expect(partitions[1]).toEqual({ end: 30, position: 20 });
    expect(nextTimer).toBeNull();
  });
});

describe("waiting for an append", () => {
  it("ends with it, in whichever partition", async () => {
    const log = createMemoryEventLog({ partitionCount: 2 });
    const sample = stageSample(await log.status(), STAGE, null, 0);
    const begun = performance.now();
    const waiting = untilAppended(log, STAGE, sample, 10_000, AbortSignal.timeout(10_000));
    await log.append("telemetry", 1, [{ timestamp: 0, key: "a", value: new Uint8Array(1), headers: [] }]);
    await waiting;
    expect(performance.now() - begun).toBeLessThan(9000);
  });

  it("ends when told so", async () => {
    const log = createMemoryEventLog({ partitionCount: 2 });
    const sample = stageSample(await log.status(), STAGE, null, 0);
    const stopping = new AbortController();
    const waiting = untilAppended(log, STAGE, sample, 60_000, stopping.signal);
    stopping.abort();
    await waiting;
    expect(stopping.signal.aborted).toBe(true);
  });
});
