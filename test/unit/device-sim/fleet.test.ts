import { expect, test } from "vitest";
import { FEATURES } from "../../../device-sim/features/feature.ts";
import { createFleet, nameFleet } from "../../../device-sim/fleet.ts";
import { messagesWith, readingsOf, START_AT } from "./feature-fleets.ts";

const HOUR = { ms: 3_600_000, intervalMs: 5000 };
const bytesOf = (seed: number | string, span = HOUR) =>
  messagesWith(FEATURES, span, nameFleet(9), seed).map(
    ({ deviceId, sendAt, payload }) => `${deviceId} ${sendAt} ${payload.toString()}`,
  );

test("the same seed gives the same messages", () => {
  expect(bytesOf(42)).toEqual(bytesOf(42));
});

test("another seed gives other messages", () => {
  expect(bytesOf(42)).not.toEqual(bytesOf(43));
});

test("messages come in the order in which they are sent, and every device has its own moment", () => {
  const messages = messagesWith([], HOUR, nameFleet(9));
  expect(messages.every((message, index) => message.sendAt >= (messages[index - 1]?.sendAt ?? 0))).toBe(true);
  expect(new Set(messages.slice(0, 9).map((message) => message.sendAt - START_AT)).size).toBe(9);
});

test("a feature that is switched off changes nothing but its own doing", () => {
  const withNoise = readingsOf(messagesWith(["noise", "dailyCurve"], HOUR));
  const withGaps = readingsOf(messagesWith(["noise", "dailyCurve", "duplicates"], HOUR));
  const byTime = new Map(withNoise.map((reading) => [reading.ts, reading.values]));
  expect(withGaps.every((reading) => JSON.stringify(byTime.get(reading.ts)) === JSON.stringify(reading.values))).toBe(
    true,
  );
});

test("a device that joins changes nothing of the others", () => {
  const alone = readingsOf(messagesWith(["noise", "gaps", "spikes"], HOUR, nameFleet(3)), "pump-01");
  const among = readingsOf(messagesWith(["noise", "gaps", "spikes"], HOUR, nameFleet(30)), "pump-01");
  expect(among).toEqual(alone);
});

test("names and types take turns, with digits enough", () => {
  expect(nameFleet(4).map((device) => device.id)).toEqual([
    "cold-room-01",
    "pump-01",
    "air-quality-01",
    "cold-room-02",
  ]);
  expect(nameFleet(3000).at(-1)).toEqual({ id: "air-quality-1000", type: "air-quality" });
});

test.for([
  ["an unknown type", [{ id: "a", type: "toaster" }], "toaster"],
  ["an id that is none", [{ id: "a b", type: "pump" }], "a b"],
  [
    "the same id twice",
    [
      { id: "a", type: "pump" },
      { id: "a", type: "pump" },
    ],
    "twice",
  ],
  ["no device at all", [], "at least one"],
] as const)("a fleet with %s is refused", ([, devices, text]) => {
  expect(() => createFleet({ devices, seed: 1, startAt: START_AT })).toThrow(
    expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(text) }),
  );
});
