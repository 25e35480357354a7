import { describe, expect, it } from "vitest";
import { duePartitions } from "../../../runtime/tick-writer.ts";
import type { JournalStatus, LogStatus } from "../../../core/event-log.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const stage: StageDefinition = { name: "main", input: "telemetry", functions: [] };
const NOW = 10_000;

describe("partitions that need a tick", () => {
  it("are those with a due timer whose input is processed to its end", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([0]);
  });

  it("are not those whose timer is still to come", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW + 1, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([]);
  });

  it("are not those without a timer", () => {
    expect(duePartitions(status([journal(0, { nextTimer: null, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([]);
  });

  it("are not those with records still to process, which move time themselves", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW, offset: 5 })], { 0: 6 }), stage, NOW)).toEqual([]);
  });

  it("are not those of another consumer", () => {
    const other = { ...journal(0, { nextTimer: NOW, offset: 5 }), name: "stage:other" };
    expect(duePartitions(status([other], { 0: 5 }), stage, NOW)).toEqual([]);
  });
});

function journal(partition: number, state: { nextTimer: number | null; offset: number }): JournalStatus {
  const positions = [{ topic: "telemetry", partition, offset: state.offset }];
  return { name: "stage:main", partition, epoch: 1, positions, nextTimer: state.nextTimer };
}

function status(journals: readonly JournalStatus[], ends: Readonly<Record<number, number>>): LogStatus {
  const partitions = Object.entries(ends).map(([partition, endOffset]) => ({
    topic: "telemetry",
    partition: Number(partition),
    startOffset: 0,
    endOffset,
    lastTimestamp: 0,
  }));
  return { partitions, journals, bytes: 0, bytesMax: 1, refusing: null, deletedTelemetry: {} };
}
