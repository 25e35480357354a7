import { expect, it } from "vitest";
import { anchoredClock } from "../../../app/tracing/anchored-clock.ts";

it("a clock of milliseconds gets fractions that stay within what it says, through steps of either", () => {
  let [whole, mono] = [1000, 5.5];
  const clock = anchoredClock({ now: () => whole }, () => mono);
  expect(clock.now()).toBe(1000);
  mono += 0.25;
  expect(clock.now()).toBe(1000.25);
  // The fraction would lead into the next millisecond, which has not come.
  mono += 3;
  expect(clock.now()).toBe(1000);
  [whole, mono] = [1001, mono + 1.5];
  expect(clock.now()).toBe(1001.5);
  whole = 50_000;
  expect(clock.now()).toBe(50_000);
  whole = 7;
  expect(clock.now()).toBe(7);
});
