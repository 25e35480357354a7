import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { CommitPace } from "../../../runtime/commit-pace.ts";
import type { FetchedSlice } from "../../../core/event-log.ts";

const { unitBacklogMs, unitLateMs, stageBreathMs, unitIdleMs } = LIMITS;
/** So late, ms, that units stay open as long as they may. */
const VERY_LATE = 60_000;
let now = 0;
const clock = { now: () => 1_000_000 + now };
let pace = new CommitPace({ now: () => now }, clock);

beforeEach(() => {
  now = 1000;
  pace = new CommitPace({ now: () => now }, clock);
  pace.allCommitted();
});

/** Of partitions 0, 1 …, each with a record that was received so many ms ago, and one that was just received: as much as one read takes. */
function received(...lateMs: number[]): FetchedSlice[] {
  return read(LIMITS.fetchBytesMax, lateMs);
}

function read(bytes: number, lateMs: readonly number[]): FetchedSlice[] {
  return lateMs.map((late, partition) => {
    const records = [late, 0].map((ms, offset) => ({
      offset,
      timestamp: clock.now() - ms,
      key: null,
      value: new Uint8Array(bytes / lateMs.length / 2),
      header: () => undefined,
      headers: () => [],
    }));
    return { topic: "telemetry", partition, records, nextOffset: 2 };
  });
}

/** How long the unit of a partition stays open from now on, ms. */
function openFor(partition: number): number {
  const from = now;
  while (!pace.isDue(partition) && now - from < 10_000) now += 1;
  const passed = now - from;
  now = from;
  return passed;
}

describe("the pace of commits", () => {
  it("closes all units soon, and at once, while nothing read is late", () => {
    for (const slices of [received(20, 5), received(-500), []]) {
      pace.polled(slices);
      expect([openFor(0), openFor(7)]).toEqual([unitBacklogMs, unitBacklogMs]);
      expect(pace.isLate).toBe(false);
    }
  });

  it("keeps them open for a quarter of how late the oldest record is, but no longer than may be", () => {
    pace.polled(received(0, 2000));
    expect(openFor(0)).toBe(500);
    pace.polled(received(VERY_LATE));
    expect(openFor(0)).toBe(unitLateMs);
    pace.polled(received(10));
    expect(openFor(0)).toBe(unitBacklogMs);
  });

  it("closes those of a late stage one after the other, each no later than that", () => {
    pace.polled(received(VERY_LATE));
    const first = Array.from({ length: 8 }, (_, partition) => openFor(partition));
    expect(new Set(first).size).toBe(8);
    expect(Math.max(...first)).toBe(unitLateMs);
    now += openFor(5);
    pace.committed(5);
    expect(openFor(5)).toBe(first[5]);
    expect(openFor(0)).toBeLessThan(unitLateMs);
    pace.allCommitted();
    expect(openFor(5)).toBe(first[5]);
    expect(openFor(0)).toBe(unitLateMs);
  });

  it("takes nobody for late who finds little to read: clocks may differ", () => {
    pace.polled(read(1000, [VERY_LATE]));
    expect(openFor(0)).toBe(unitBacklogMs);
  });

  it("knows of no lateness without a clock of receive times", () => {
    pace = new CommitPace({ now: () => now });
    pace.allCommitted();
    pace.polled(received(VERY_LATE));
    expect(openFor(0)).toBe(unitBacklogMs);
  });

  it("gives others their turn in the middle of what was read, whether late or not", () => {
    for (const late of [0, VERY_LATE]) {
      pace.polled(received(late));
      expect(pace.isBreathDue).toBe(false);
      now += stageBreathMs;
      expect(pace.isBreathDue).toBe(true);
      pace.breathed();
      expect(pace.isBreathDue).toBe(false);
    }
  });

  it("waits for nothing after a quiet while, and else until units have been open for a moment", () => {
    now += 4;
    expect(pace.waitMs).toBe(unitIdleMs - 4);
    now += 60_000;
    expect(pace.waitMs).toBe(0);
  });
});
