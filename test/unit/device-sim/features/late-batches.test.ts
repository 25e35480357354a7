import { expect, test } from "vitest";
import { messagesWith, readingsOf } from "../feature-fleets.ts";

const DAY = { ms: 86_400_000, intervalMs: 2000 };

test("with late batches readings are held and come as arrays, in order and complete", () => {
  const messages = messagesWith(["lateBatches"], DAY);
  const readings = readingsOf(messages);
  expect(messages.filter((message) => message.payload[0] === "[".charCodeAt(0)).length).toBeGreaterThan(10);
  expect(Math.max(...readings.map((reading) => reading.sendAt - reading.ts))).toBeGreaterThan(20_000);
  const times = readings.map((reading) => reading.ts);
  expect(times).toEqual(
    readingsOf(messagesWith([], DAY))
      .map((reading) => reading.ts)
      .slice(0, times.length),
  );
});

test("a batch holds at most fifty readings", () => {
  const batches = messagesWith(["lateBatches"], DAY).map((message) => readingsOf([message]).length);
  expect(Math.max(...batches)).toBe(50);
});

test("without them each reading leaves at its own time", () => {
  const readings = readingsOf(messagesWith([], DAY));
  expect(readings.every((reading) => reading.ts === reading.sendAt)).toBe(true);
});
