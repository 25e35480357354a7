import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { assertJson } from "../../../engine/json-check.ts";

describe("the JSON check", () => {
  it("lets pass whatever comes back the same from JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(() => assertJson(value)).not.toThrow();
      }),
    );
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);

  it.each([
    ["NaN", NaN],
    ["an infinity in an array", [1, -Infinity]],
    ["undefined in an object", { a: undefined }],
    ["a hole in an array", Array.from({ length: 2 })],
    ["a bigint", { a: 1n }],
    ["a function", [() => 1]],
    ["a date", { at: new Date(0) }],
    ["a map", new Map()],
    ["a cycle", cyclic],
  ])("refuses %s", (_name, value) => {
    expect(() => assertJson(value)).toThrow(TypeError);
  });

  it("refuses what is nested deeper than the ceiling", () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    expect(() => assertJson(nested(LIMITS.functionValueDepthMax))).not.toThrow();
    expect(() => assertJson(nested(LIMITS.functionValueDepthMax + 1))).toThrow(TypeError);
  });
});
