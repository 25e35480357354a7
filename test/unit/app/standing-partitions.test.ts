import { expect, test } from "vitest";
import { StandingPartitions } from "../../../app/standing-partitions.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { LogStatus } from "../../../core/event-log.ts";

const T0 = 1_800_000_000_000;

/** Where the main stage stands in its partitions, of ten records each. */
function status(...offsets: readonly number[]): LogStatus {
  const journals = offsets.map((offset, partition) => ({
    name: "stage:main",
    partition,
    epoch: 1,
    positions: [{ topic: "telemetry", partition, offset }],
    nextTimer: null,
  }));
  const partitions = offsets.map((_, partition) => ({ topic: "telemetry", partition, startOffset: 0, endOffset: 10 }));
  return { partitions, journals, bytes: 0, bytesMax: 1, refusing: null, deletedTelemetry: {} };
}

test("a partition that has not moved for long although records wait is told, with how many and for how long", () => {
  const standing = new StandingPartitions();
  expect(standing.look(status(4, 9), T0)).toEqual(new Map());
  expect(standing.look(status(4, 10), T0 + LIMITS.standingMsMax - 1)).toEqual(new Map());
  const texts = standing.look(status(4, 10), T0 + LIMITS.standingMsMax);
  expect(texts.get("processors")).toMatch(
    /^processors has not come further for 180 s in partition 0, where 6 records wait/,
  );
});

test("one that moves, or has come to the end, stands no more", () => {
  const standing = new StandingPartitions();
  standing.look(status(4, 4), T0);
  expect(standing.look(status(5, 10), T0 + LIMITS.standingMsMax)).toEqual(new Map());
  expect(standing.look(status(5, 10), T0 + 2 * LIMITS.standingMsMax - 1)).toEqual(new Map());
  expect(standing.look(status(5, 10), T0 + 2 * LIMITS.standingMsMax).size).toBe(1);
});

test("several are told together", () => {
  const standing = new StandingPartitions();
  standing.look(status(10, 4, 5), T0);
  const text = standing.look(status(10, 4, 5), T0 + LIMITS.standingMsMax + 1000).get("processors");
  expect(text).toContain("for 181 s in 2 partitions, the first is 1, where 11 records wait");
});
