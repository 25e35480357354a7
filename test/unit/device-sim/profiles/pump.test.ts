import { expect, test } from "vitest";
import { pump } from "../../../../device-sim/profiles/pump.ts";
import { describeProfile } from "./profile-suite.ts";

describeProfile("pump", ["vibration", "flow", "pressure", "running"]);

test("a pump that stands still has no flow and hardly shakes", () => {
  const numbers = { vibration: 2.6, flow: 42, pressure: 4.2 };
  const still = pump.combine(numbers, { running: false });
  expect(still["flow"]).toBe(0);
  expect(still["vibration"]).toBeLessThan(0.1);
  expect(pump.combine(numbers, { running: true })).toEqual({ ...numbers, running: true });
});
