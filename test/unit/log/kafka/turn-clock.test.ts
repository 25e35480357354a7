import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { TurnClock } from "../../../../log/kafka/turn-clock.ts";

test("the clock stands within a turn of the event loop and goes on in the next", async () => {
  const clock = new TurnClock();
  const first = clock.now();
  for (const end = performance.now() + 2; performance.now() < end;);
  expect(clock.now()).toBe(first);
  await nextTurn();
  await delay(1);
  expect(clock.now()).toBeGreaterThan(first);
});
