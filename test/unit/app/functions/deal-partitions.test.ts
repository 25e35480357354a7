import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealPartitions } from "../../../../app/functions/deal-partitions.ts";

const extents = (counts: readonly number[]) =>
  counts.map((count, partition) => ({ partition, startOffset: 7, endOffset: 7 + count }));

describe("partitions that are dealt out", () => {
  it("go to one thread each, those without a record to none, and no thread is without one", () => {
    const counts = fc.array(fc.nat(100_000), { maxLength: 40 });
    fc.assert(
      fc.property(
        counts,
        fc.option(fc.integer({ min: 1, max: 64 })),
        fc.integer({ min: 1, max: 16 }),
        (all, n, cores) => {
          const shares = dealPartitions(extents(all), n, cores);
          const held = [...all.entries()].filter(([, count]) => count > 0).map(([partition]) => partition);
          expect(
            shares
              .flat()
              .map(({ partition }) => partition)
              .sort((a, b) => a - b),
          ).toEqual(held);
          expect(shares.length).toBeLessThanOrEqual(Math.max(1, Math.min(n ?? cores, held.length)));
          if (held.length > 0) expect(shares.every((share) => share.length > 0)).toBe(true);
        },
      ),
    );
  });

  it("make shares of about the same size", () => {
    const shares = dealPartitions(extents([10, 70, 20, 50, 40, 30, 60, 80]), 3, 1);
    const sizes = shares.map((share) => share.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0));
    expect(sizes.toSorted((a, b) => a - b)).toEqual([110, 120, 130]);
  });

  it("take one thread where there is little to do, unless it is asked for", () => {
    expect(dealPartitions(extents([9000, 9000]), null, 8)).toHaveLength(1);
    expect(dealPartitions(extents([9000, 9000]), 2, 8)).toHaveLength(2);
    expect(dealPartitions(extents([20_000, 20_000, 20_000]), null, 8)).toHaveLength(3);
    expect(dealPartitions(extents([20_000, 20_000, 20_000]), null, 2)).toHaveLength(2);
  });
});
