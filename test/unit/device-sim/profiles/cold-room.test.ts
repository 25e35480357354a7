import { expect, test } from "vitest";
import { coldRoom } from "../../../../device-sim/profiles/cold-room.ts";
import { describeProfile } from "./profile-suite.ts";

describeProfile("cold-room", ["temperature", "humidity", "battery", "door"]);

test("an open door warms the room", () => {
  const numbers = { temperature: 4, humidity: 78, battery: 90 };
  const open = coldRoom.combine(numbers, { door: true });
  expect(open["temperature"]).toBeGreaterThan(5);
  expect(coldRoom.combine(numbers, { door: false })).toEqual({ ...numbers, door: false });
});
