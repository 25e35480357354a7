import { describe, expect, it } from "vitest";
import { callTimeMs } from "../../../app/call-times.ts";

const classes = new Map([
  [0.001, 50],
  [0.002, 90],
  [0.01, 99],
  [Infinity, 100],
]);

describe("the time of a call", () => {
  it("lies where the share of the calls ends", () => {
    expect(callTimeMs(classes, 0.5)).toBeCloseTo(1, 9);
    expect(callTimeMs(classes, 0.7)).toBeCloseTo(1.5, 9);
    expect(callTimeMs(classes, 0.25)).toBeCloseTo(0.5, 9);
    expect(callTimeMs(classes, 0.99)).toBeCloseTo(10, 9);
  });

  it("is the greatest bound for calls that took longer", () => {
    expect(callTimeMs(classes, 0.999)).toBeCloseTo(10, 9);
    expect(
      callTimeMs(
        new Map([
          [0.5, 0],
          [Infinity, 4],
        ]),
        0.5,
      ),
    ).toBeCloseTo(500, 9);
  });

  it("is unknown without calls", () => {
    expect(callTimeMs(new Map(), 0.5)).toBeNull();
    expect(
      callTimeMs(
        new Map([
          [0.001, 0],
          [Infinity, 0],
        ]),
        0.5,
      ),
    ).toBeNull();
  });
});
