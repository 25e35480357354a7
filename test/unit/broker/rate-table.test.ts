import { expect, test } from "vitest";
import { createRateTable } from "../../../broker/rate-table.ts";

function table(entriesMax = 100) {
  const clock = { now: 0 };
  const seen = { forgotten: 0 };
  const forgotten = { add: () => void seen.forgotten++ };
  const rates = createRateTable({ perSecond: 1, burst: 3, entriesMax, forgotten, nowMs: () => clock.now });
  return { clock, rates, seen };
}

test("gives each key its burst, and then its rate", () => {
  const { clock, rates } = table();
  expect([1, 2, 3, 4].map(() => rates.take("a"))).toEqual([true, true, true, false]);
  expect(rates.take("b")).toBe(true);
  clock.now = 999;
  expect(rates.take("a")).toBe(false);
  clock.now = 1000;
  expect([1, 2].map(() => rates.take("a"))).toEqual([true, false]);
});

test("keeps no key that has its whole burst again", () => {
  const { clock, rates } = table();
  rates.take("a");
  expect(rates.peek("a")?.level).toBe(2);
  clock.now = 1000;
  expect(rates.peek("a")).toBeNull();
  expect(rates.size).toBe(0);
});

test("of too many keys forgets the one that was used longest ago", () => {
  const { rates, seen } = table(3);
  for (const key of ["a", "b", "c", "a", "d"]) rates.take(key);
  expect(rates.size).toBe(3);
  expect(seen.forgotten).toBe(1);
  expect(rates.peek("b")).toBeNull();
  expect(rates.peek("a")?.level).toBe(1);
});
