import { describe, expect, test } from "vitest";
import { measureFunction } from "../../../bench/functions/measure-function.ts";
import { GROWTH_CURVES, type CurveName } from "../../../bench/growth/growth-loads.ts";

/** What the thread made of a message, and how many messages it was given. */
function measured(name: CurveName, size: number) {
  const { load, shape } = GROWTH_CURVES[name].at(size, 1000);
  const { messages, outputs, unitBytes } = measureFunction(load, shape);
  expect(messages).toBe(shape.messages);
  return { outputsPerMessage: outputs / messages, unitBytesPerMessage: unitBytes / messages };
}

describe("the loads of which growth is measured", () => {
  // A difference here would be a slope that is none of the stage's.
  test.each([
    ["devices", 1000, 2000],
    ["partitions", 8, 64],
  ] as const)("%s: a message makes as much at %d as at %d, and leaves as much in its unit", (name, small, large) => {
    const [one, other] = [measured(name, small), measured(name, large)];
    expect(other.outputsPerMessage).toBeCloseTo(one.outputsPerMessage, 2);
    expect(Math.abs(other.unitBytesPerMessage / one.unitBytesPerMessage - 1)).toBeLessThan(0.1);
  });
});
