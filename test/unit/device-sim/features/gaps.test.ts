import { expect, test } from "vitest";
import { messagesWith, readingsOf, START_AT } from "../feature-fleets.ts";

const DAY = { ms: 86_400_000, intervalMs: 5000 };

test("with gaps minutes of readings are lost for good", () => {
  const times = readingsOf(messagesWith(["gaps"], DAY)).map((reading) => reading.ts);
  const longest = Math.max(...times.map((ts, index) => ts - (times[index - 1] ?? ts)));
  expect(times.length).toBeLessThan(17_280);
  expect(times.length).toBeGreaterThan(16_000);
  expect(longest).toBeGreaterThan(30_000);
  expect(longest).toBeLessThan(250_000);
});

test("without them a reading comes at every interval", () => {
  const times = readingsOf(messagesWith([], DAY)).map((reading) => reading.ts);
  expect(times).toHaveLength(17_280);
  expect(times.every((ts, index) => ts - (times[0] ?? START_AT) === index * 5000)).toBe(true);
});
