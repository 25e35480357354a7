import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { defineStream, tumbling, z } from "../../../kit/function.ts";
import { jsonFault } from "../../../engine/json-fault.ts";
import { runFunctions } from "../../support/function-run.ts";

const input = z.object({ a: z.number() });
const given = [{ at: 0, metrics: { a: 1 } }];

function errorsOf(state: unknown): readonly string[] {
  const keeping = defineStream({
    name: "keeping",
    input,
    state: z.any(),
    initial: () => 0,
    process: () => ({ state }),
  });
  return runFunctions([keeping], given).deadLetters.map(({ error }) => error);
}

class Pump {
  readonly hours = 1;
}

const cyclic: Record<string, unknown> = { n: 1 };
cyclic["self"] = { inner: cyclic };

describe("the dead letter of a state that is no JSON", () => {
  it.each<[string, unknown, string]>([
    [
      "undefined",
      { a: { b: undefined } },
      "state.a.b is undefined, and what is kept is JSON: leave it out, or keep null",
    ],
    ["a hole in a list", { list: [1, undefined] }, "state.list[1] is undefined, and"],
    ["NaN", { mean: NaN }, "state.mean is NaN, and what is kept is JSON: leave it out, or keep null"],
    ["a bigint", [{ n: 1n }], "state[0].n is a bigint, and what is kept is JSON: keep it as a text"],
    [
      "a function",
      { "two words": () => 1 },
      'state["two words"] is a function, and what is kept is JSON: keep data only',
    ],
    ["a Map", { seen: new Map() }, "state.seen is a Map, and what is kept is JSON: keep an object, or its entries"],
    ["a Set", { seen: new Set() }, "state.seen is a Set, and what is kept is JSON: keep a list ([...set])"],
    [
      "a Date",
      { since: new Date(0) },
      "state.since is a Date, and what is kept is JSON: keep its UTC ms (date.getTime())",
    ],
    ["a class", { pump: new Pump() }, "state.pump is an object of a class (Pump), and"],
    ["a cycle", cyclic, "state.self.inner leads back to what it lies in, and what is kept is JSON: keep an id of it"],
    ["itself", new Map(), "state is a Map, and"],
  ])("names the place of %s and what to keep instead", (_, state, text) => {
    expect(errorsOf(state)).toEqual([expect.stringContaining(text)]);
  });

  it("names the place in an accumulator too", () => {
    const window = tumbling("1min");
    const acc: z.ZodType<unknown> = z.any();
    const folded = defineStream({
      name: "folded",
      input,
      window,
      accumulator: acc,
      initial: () => ({}),
      add: () => ({ seen: new Set([1]) }),
      result: () => ({ x: 1 }),
    });
    const { deadLetters } = runFunctions([folded], given);
    expect(deadLetters.map(({ error }) => error)).toEqual([expect.stringContaining("acc.seen is a Set, and")]);
  });
});

describe("what is no JSON in a value", () => {
  it("is nothing of a value that is JSON", () => {
    expect(jsonFault({ a: [1, "x", null, { b: true }] })).toBeNull();
  });

  it("is how deep it goes, at a place that is not told without end", () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : { ["deeper".repeat(10)]: nested(depth - 1) });
    const text = jsonFault(nested(LIMITS.functionValueDepthMax + 1)) ?? "";
    expect(text).toMatch(/…? is nested deeper than 32 levels, and what is kept is JSON: keep it flatter/);
    expect(text.length).toBeLessThan(400);
  });

  it("is not told of what answers with an error, and nothing is thrown", () => {
    const refuse = (): never => {
      throw new Error("asked");
    };
    expect(jsonFault({ a: new Proxy({}, { getPrototypeOf: refuse, ownKeys: refuse }) })).toBeNull();
    expect(jsonFault(Object.defineProperty({}, "a", { enumerable: true, get: refuse }))).toBeNull();
  });
});
