import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketsOf } from "../../../sinks/clickhouse/history-series.ts";

describe("bucketsOf", () => {
  it("never makes more buckets than points are wanted, and no wider ones than twice what is needed by much", () => {
    fc.assert(
      fc.property(
        fc.nat(Date.UTC(2100, 0, 1)),
        fc.nat(10 * 366 * 86_400_000),
        fc.integer({ min: 1, max: 2000 }),
        (first, span, pointsMax) => {
          const last = first + span;
          const { origin, width } = bucketsOf(first, last, pointsMax);
          const buckets = Math.floor((last - origin) / width) - Math.floor((first - origin) / width) + 1;
          expect(buckets).toBeLessThanOrEqual(pointsMax);
          expect(Number.isSafeInteger(width) && width > 0).toBe(true);
        },
      ),
    );
  });

  it("prefers widths that people read", () => {
    expect(bucketsOf(0, 24 * 3_600_000 - 1, 300).width).toBe(300_000);
    expect(bucketsOf(0, 3_600_000 - 1, 60).width).toBe(60_000);
  });
});
