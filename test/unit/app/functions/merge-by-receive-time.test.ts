import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeByReceiveTime } from "../../../../app/functions/history/merge-by-receive-time.ts";
import { inBatches, pastPartition } from "../../../support/past-partitions.ts";
import type { PastReading } from "../../../../app/functions/history/reading-history.ts";

const START = Date.UTC(2026, 0, 1);

const partitionOf = (partition: number, received: readonly (number | "derived")[]): readonly PastReading[] =>
  pastPartition(
    partition,
    received.map((ms) => {
      const device = `of-${partition}`;
      // What is derived has some time or other.
      if (ms === "derived") return { device, ts: START, received: START + 9, metrics: { a: 1 }, maker: "other" };
      return { device, ts: START, received: START + ms, metrics: { a: 1 } };
    }),
  );

const placeOf = ({ partition, record }: PastReading): string => `${partition}/${record.offset}`;

async function batchesOf(partitions: readonly (readonly PastReading[])[], sizes: readonly number[]) {
  const batches: (readonly PastReading[])[] = [];
  const lanes = partitions.map((readings, index) => inBatches(readings, sizes[index] ?? 1));
  for await (const batch of mergeByReceiveTime(lanes)) batches.push(batch);
  return batches;
}

/** By hand: each reading counts as received when the latest of those before it was. */
function sorted(partitions: readonly (readonly PastReading[])[]): readonly string[] {
  return partitions
    .flatMap((readings) => {
      let latest = -Infinity;
      return readings.map((reading) => {
        if (reading.maker === null) latest = Math.max(latest, reading.record.timestamp);
        return { reading, latest };
      });
    })
    .map(({ reading, latest }) => ({ place: placeOf(reading), latest, reading }))
    .toSorted((a, b) => {
      if (a.latest !== b.latest) return a.latest < b.latest ? -1 : 1;
      return a.reading.partition - b.reading.partition || a.reading.record.offset - b.reading.record.offset;
    })
    .map(({ place }) => place);
}

describe("readings of several partitions", () => {
  it("come by receive time, then by partition, and what came earlier than its predecessor with it", async () => {
    const partitions = [partitionOf(0, [5, 2, 7]), partitionOf(1, [1, 5, 6, 8])];
    const places = (await batchesOf(partitions, [2, 2])).map((batch) => batch.map(placeOf));
    expect(places).toEqual([["1/0"], ["0/0", "0/1"], ["1/1"], ["1/2"], ["0/2"], ["1/3"]]);
  });

  it("come in the order of a stable sort, in batches of one partition, wherever batches end", async () => {
    const readings = fc.array(fc.oneof({ weight: 6, arbitrary: fc.nat(12) }, fc.constant("derived" as const)), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(readings, { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }),
        async (given, sizes) => {
          const partitions = given.map((received, index) => partitionOf(index, received));
          const batches = await batchesOf(partitions, sizes);
          expect(batches.flat().map(placeOf)).toEqual(sorted(partitions));
          for (const batch of batches) expect(new Set(batch.map(({ partition }) => partition)).size).toBe(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("are let go when nobody wants the rest, and a reader that fails ends them", async () => {
    const closed: number[] = [];
    const lane = async function* (partition: number, fails: boolean) {
      try {
        yield partitionOf(partition, [partition]);
        if (fails) throw new Error("the log is gone");
        yield partitionOf(partition, [10]);
      } finally {
        closed.push(partition);
      }
    };
    for await (const batch of mergeByReceiveTime([lane(0, false), lane(1, false)])) {
      expect(batch).toHaveLength(1);
      break;
    }
    expect(closed).toEqual([0, 1]);
    const failing = async (): Promise<void> => {
      for await (const batch of mergeByReceiveTime([lane(2, true), lane(3, false)])) expect(batch).toHaveLength(1);
    };
    await expect(failing()).rejects.toThrow("the log is gone");
    expect(closed).toEqual([0, 1, 2, 3]);
  });
});
