import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket } from "../../../broker/token-bucket.ts";

/** How long nothing happens, and how much is asked for then. */
const asks = fc.array(fc.record({ afterMs: fc.nat(2000), size: fc.integer({ min: 1, max: 50 }) }), { maxLength: 200 });

/** Lets everything pass that may; returns what has passed, each with its time. */
function passed(bucket: TokenBucket, arrivals: readonly { afterMs: number; size: number }[]) {
  let now = 0;
  return arrivals.flatMap(({ afterMs, size }) => {
    now += afterMs;
    bucket.refill(now);
    if (bucket.level < 1) return [];
    bucket.level -= size;
    return [{ at: now, size }];
  });
}

test("never more than burst + rate × time passes in any span, and less than one thing besides", () => {
  const rates = fc.double({ min: 0.1, max: 1000, noNaN: true });
  fc.assert(
    fc.property(rates, fc.integer({ min: 1, max: 100 }), asks, (perSecond, burst, arrivals) => {
      const all = passed(new TokenBucket(perSecond, burst, 0), arrivals);
      for (const [first, { at }] of all.entries()) {
        let sum = 0;
        for (const last of all.slice(first)) {
          sum += last.size;
          expect(sum - last.size).toBeLessThanOrEqual(burst + ((last.at - at) * perSecond) / 1000 - 1 + 1e-6);
        }
      }
    }),
  );
});

test("after the wait that it names something may pass, and not before", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 1000, noNaN: true }),
      fc.integer({ min: 1, max: 500 }),
      (perSecond, size) => {
        const bucket = new TokenBucket(perSecond, 10, 0);
        bucket.level -= size;
        const { waitMs } = bucket;
        if (waitMs > 0) {
          bucket.refill(waitMs * 0.99);
          expect(bucket.level).toBeLessThan(1);
        }
        bucket.refill(waitMs * 1.000_001);
        expect(bucket.level).toBeGreaterThanOrEqual(1);
      },
    ),
  );
});

test("does not give for a clock that steps back", () => {
  const bucket = new TokenBucket(1000, 1, 5000);
  bucket.level -= 1;
  bucket.refill(0);
  expect(bucket.level).toBe(0);
  bucket.refill(5000);
  expect(bucket.level).toBe(0);
});
