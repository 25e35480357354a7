import { expect, test } from "vitest";
import { castDemo } from "../../../../device-sim/features/demo-story.ts";
import { nameFleet } from "../../../../device-sim/fleet.ts";
import { messagesWith, numbersOf, readingsOf, START_AT } from "../feature-fleets.ts";

const MINUTE = { ms: 60_000, intervalMs: 1000 };
const CYCLES = { ms: 1_200_000, intervalMs: 1000 };
const FLEET = nameFleet(6);

test("within the first minute of the demo one room is 8 °C too warm and warms slowly", () => {
  const messages = messagesWith(["demo"], MINUTE, FLEET);
  const warming = numbersOf(readingsOf(messages, "cold-room-01"), "temperature");
  expect((warming.at(-1) ?? 0) - (warming[0] ?? 0)).toBeGreaterThan(8);
  expect(Math.max(...warming.map((value, index) => value - (warming[index - 1] ?? value)))).toBeLessThan(1.5);
  const other = numbersOf(readingsOf(messages, "cold-room-02"), "temperature");
  expect(Math.max(...other)).toBeLessThan(6);
});

test("within the first minute of the demo one pump shakes and one device has fallen silent", () => {
  const messages = messagesWith(["demo"], MINUTE, FLEET);
  expect(Math.max(...numbersOf(readingsOf(messages, "pump-01"), "vibration"))).toBeGreaterThan(8);
  expect(readingsOf(messages, "air-quality-02").every((reading) => reading.ts < START_AT + 11_000)).toBe(true);
});

test("after ten minutes all of it has passed and starts over", () => {
  const readings = readingsOf(messagesWith(["demo"], CYCLES, FLEET), "air-quality-02");
  const heardIn = (from: number, to: number) =>
    readings.some((reading) => reading.ts >= START_AT + from && reading.ts < START_AT + to);
  expect(heardIn(20_000, 190_000)).toBe(false);
  expect(heardIn(210_000, 600_000)).toBe(true);
  expect(heardIn(620_000, 790_000)).toBe(false);
});

test("a fleet without pumps and rooms has a demo with what it has", () => {
  expect(castDemo([{ id: "street", type: "air-quality" }])).toEqual({ warming: null, shaking: null, silent: "street" });
});

test("without the demo nobody is silent or too warm", () => {
  const messages = messagesWith([], MINUTE, FLEET);
  expect(Math.max(...numbersOf(readingsOf(messages, "cold-room-01"), "temperature"))).toBeLessThan(6);
  expect(readingsOf(messages, "air-quality-02")).toHaveLength(60);
});
