import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coverRange } from "../../../sinks/clickhouse/rollups/rollup-cover.ts";

describe("coverRange", () => {
  it("splits any range into whole clean buckets and the rest, without overlap, in as few stretches as there can be", () => {
    const size = 10;
    const input = fc.record({
      from: fc.nat(100),
      span: fc.nat(150),
      dirty: fc.uniqueArray(fc.nat(30), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(input, ({ from, span, dirty: unsorted }) => {
        const dirty = unsorted.toSorted((a, b) => a - b);
        const to = from + span;
        const { rolledUp, gaps } = coverRange({ from, to }, size, dirty);
        const inOrder = [...rolledUp, ...gaps].toSorted((a, b) => a.from - b.from);
        let at = from;
        for (const range of inOrder) {
          expect(range.from).toBe(at);
          expect(range.to).toBeGreaterThan(range.from);
          at = range.to;
        }
        expect(at).toBe(to);
        const isDirty = new Set(dirty);
        for (let ms = from; ms < to; ms += 1) {
          const bucket = Math.floor(ms / size);
          const isWhole = bucket * size >= from && (bucket + 1) * size <= to;
          const isIn = rolledUp.some((range) => ms >= range.from && ms < range.to);
          expect(isIn).toBe(isWhole && !isDirty.has(bucket));
        }
        for (const ranges of [rolledUp, gaps])
          for (const [n, range] of ranges.entries()) expect(ranges[n + 1]?.from).not.toBe(range.to);
      }),
      { numRuns: 500 },
    );
  });
});
