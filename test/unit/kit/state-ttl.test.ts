import { describe, expect, it } from "vitest";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { defineStream, z } from "../../../kit/function.ts";
import { flushRecord, readingRecord, stageOf, typeRecord } from "../../support/function-run.ts";
import type { SnapshotChunk } from "../../../core/commit-unit.ts";
import type { StageFunction } from "../../../core/function.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { Duration } from "../../../kit/durations.ts";
import type { StagePartition } from "../../../engine/stage-partition.ts";

const HOUR = 3_600_000;

function counting(ttl: Duration | null, keeps = true): StageFunction {
  return defineStream({
    name: "counting",
    input: z.object({ x: z.number() }),
    state: z.object({ n: z.number() }),
    ...(ttl === null ? {} : { ttl }),
    initial: () => ({ n: 0 }),
    process: (_reading, { n }) => ({ ...(keeps && { state: { n: n + 1 } }), emit: { n: n + 1 } }),
  });
}

/** One version after the other, restored each time, with readings at so many hours: what they have counted, and what is kept. */
class Versions {
  private state: StagePartition | null = null;
  private offset = 0;
  /** What the next version begins with, instead of what is there. */
  damage: (chunk: SnapshotChunk) => SnapshotChunk = (chunk) => chunk;

  run(fn: StageFunction, ...hours: readonly number[]): readonly number[] {
    const restored = this.state && { snapshot: [...this.state.snapshotChunks()].map(this.damage), units: [] };
    this.state = createStagePartition({ stage: stageOf(fn), partition: 0, generation: 0 }, restored ?? undefined);
    if (this.offset === 0) this.process(typeRecord({ outOfOrderMs: 0 }));
    return hours.flatMap((at) => this.process(readingRecord(this.offset, { at: at * HOUR, metrics: { x: 1 } })));
  }

  end(): readonly string[] {
    this.process(flushRecord(this.offset, 1000 * HOUR));
    return [...(this.state?.snapshotChunks() ?? [])]
      .flatMap(({ slots }) => slots)
      .flatMap(({ fn, name }) => (fn === "counting" ? [name] : []));
  }

  private process(record: LogRecord): readonly number[] {
    const counted: number[] = [];
    for (let done = false; !done;) {
      done = this.state?.process(record) ?? true;
      for (const { value } of this.state?.seal()?.outputs.get("readings") ?? []) {
        const { metrics } = z
          .object({ metrics: z.object({ n: z.number() }) })
          .parse(JSON.parse(Buffer.from(value).toString()));
        counted.push(metrics.n);
      }
    }
    this.offset += 1;
    return counted;
  }
}

describe("the ttl of a state", () => {
  it("holds again after a version without one", () => {
    const versions = new Versions();
    expect(versions.run(counting("1h"), 0, 0.5)).toEqual([1, 2]);
    expect(versions.run(counting(null, false), 5)).toEqual([3]);
    expect(versions.run(counting("1h"), 5.2, 5.4)).toEqual([3, 4]);
    expect(versions.run(counting("1h"), 500)).toEqual([1]);
    expect(versions.end()).toEqual([]);
  });

  it("is the new version's, also where it is shorter, and where it is longer", () => {
    const versions = new Versions();
    expect(versions.run(counting("720h"), 0)).toEqual([1]);
    expect(versions.run(counting("1h"), 1, 20, 100)).toEqual([2, 1, 1]);
    expect(versions.run(counting("50h"), 100.5, 140, 200)).toEqual([2, 3, 1]);
    expect(versions.end()).toEqual([]);
  });

  it("holds for what a release before this one has kept without a timer", () => {
    for (const [hours, counted] of [
      [0.5, 2],
      [500, 1],
    ] as const) {
      const versions = new Versions();
      versions.run(counting("1h"), 0);
      versions.damage = (chunk) => ({ ...chunk, slots: chunk.slots.filter(({ name }) => name !== "@timer/ttl") });
      // The reading before moves the watermark.
      versions.run(counting(null, false), hours);
      expect(versions.run(counting("1h"), hours)).toEqual([counted]);
      expect(versions.end()).toEqual([]);
    }
  });
});
