import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { countingStage, message } from "../../support/counting-stage.ts";
import { warmPartitions } from "../../support/warm-partitions.ts";
import type { WarmPartition } from "../../../runtime/warm-partitions.ts";

/** State of this many keys. */
function warmWith(keys: number): WarmPartition {
  const state = createStagePartition({ stage: countingStage, partition: 0, generation: 0 });
  for (let key = 0; key < keys; key++) state.process(message(key, `d${key}`, 0, 1));
  state.seal();
  const mark = { name: "stage:test", partition: 0, log: "a", epoch: 0, entry: 0, positions: [], nextTimer: null };
  return { state, held: { mark, commits: 1 }, unitsSinceSnapshot: 1, bytesSinceSnapshot: 1 };
}

/** Which of the partitions are still kept: each is taken by that. */
const takenOf = (warm: ReturnType<typeof warmPartitions>, partitions: readonly number[]): number[] =>
  partitions.filter((partition) => warm.take(partition) !== null);

describe("partitions that are kept warm", () => {
  it("are had by one taker, and are back as they were when he could not use them", () => {
    const warm = warmPartitions();
    const kept = warmWith(1);
    warm.keep(3, kept);
    const taken = warm.take(3);
    expect(taken?.warm).toBe(kept);
    expect(warm.take(3)).toBeNull();
    if (taken !== null) warm.giveBack(taken);
    expect(warm.take(3)?.until).toBe(taken?.until);
  });

  it("are at most so many: the oldest go, and one that comes again is the newest", () => {
    const warm = warmPartitions({ limits: { ...LIMITS, warmPartitionsMax: 3 } });
    for (const partition of [0, 1, 2, 0, 3]) warm.keep(partition, warmWith(1));
    expect(takenOf(warm, [0, 1, 2, 3])).toEqual([0, 2, 3]);
  });

  it("have at most so many bytes together, and one that alone has more is not kept", () => {
    const { bytes } = warmWith(10).state;
    let told = 0;
    const limits = { ...LIMITS, warmPartitionsBytesMax: bytes * 2.5 };
    const warm = warmPartitions({ limits, bytesGauge: { set: (value) => (told = value) } });
    for (const partition of [0, 1, 2]) warm.keep(partition, warmWith(10));
    expect(told).toBe(2 * bytes);
    warm.keep(3, warmWith(1000));
    expect(takenOf(warm, [0, 1, 2, 3])).toEqual([1, 2]);
    expect(told).toBe(0);
  });

  it("are dropped after some time, whether or not anybody asks, and giving one back gives it no more", async () => {
    const told: number[] = [];
    const limits = { ...LIMITS, warmPartitionsMsMax: 100 };
    const warm = warmPartitions({ limits, bytesGauge: { set: (value) => void told.push(value) } });
    warm.keep(0, warmWith(1));
    warm.keep(1, warmWith(1));
    const taken = warm.take(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (taken !== null) warm.giveBack(taken);
    await expect.poll(() => told.at(-1), { interval: 10 }).toBe(0);
    expect(takenOf(warm, [0, 1])).toEqual([]);
  });

  it("are not there any more when the time is over and the timer late", () => {
    let now = 0;
    const warm = warmPartitions({ monotonic: { now: () => now } });
    warm.keep(0, warmWith(1));
    now = LIMITS.warmPartitionsMsMax;
    expect(warm.take(0)).toBeNull();
  });

  it("are let go of when the processor stops", () => {
    const warm = warmPartitions();
    warm.keep(0, warmWith(1));
    warm.close();
    warm.keep(1, warmWith(1));
    expect(takenOf(warm, [0, 1])).toEqual([]);
  });
});

describe("the bytes of a state", () => {
  it("grow with its keys, also when they were restored", () => {
    const state = warmWith(100).state;
    expect(state.bytes).toBeGreaterThan(40 * warmWith(1).state.bytes);
    const snapshot = [...state.snapshotChunks()];
    const restored = createStagePartition(
      { stage: countingStage, partition: 0, generation: 0 },
      { snapshot, units: [] },
    );
    expect(restored.bytes).toBeGreaterThan(state.bytes / 2);
  });
});
