import { describe, expect, it } from "vitest";
import { defineBatch, defineJoin, defineMap, defineStream, session, z } from "../../../kit/function.ts";
import { requireKeepable } from "../../../kit/kept-schema.ts";
import { runFunction } from "../../../kit/testing.ts";
import type { UserFunction } from "../../../kit/user-function.ts";

const input = z.object({ a: z.number() });

describe("a definition", () => {
  const given: [string, (value: never) => unknown, string][] = [
    ["defineMap", defineMap, "name, input, process"],
    ["defineBatch", defineBatch, "name, input, process"],
    ["defineStream", defineStream, "name, input, state, initial, process"],
    ["defineJoin", defineJoin, "name, key, left, right, within, join"],
  ];

  it.each(given)("of %s that is none is refused with what it takes", (name, define, fields) => {
    for (const [value, what] of [
      [null, "null"],
      [undefined, "a value of type undefined"],
      ["x", "a value of type string"],
      [[], "a list"],
    ]) {
      // oxlint-disable-next-line typescript/consistent-type-assertions -- what untyped code may do
      expect(() => define(value as never)).toThrow(
        expect.objectContaining({
          code: "FUNCTION_INVALID",
          message: `${name} is given ${String(what)}`,
          remedy: `Give it an object: ${name}({ ${fields} }).`,
        }),
      );
    }
  });

  it("with a name of thousands of characters is refused with the beginning of it", () => {
    const name = "N".repeat(5000);
    expect(() => defineMap({ name, input, process: () => undefined })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^function "N{80}…": its name must be/) }),
    );
  });
});

function keeping(state: z.ZodType<unknown>): UserFunction {
  return defineStream({ name: "keeping", input, state, initial: () => null, process: () => undefined });
}

describe("a state's schema", () => {
  it.each<[string, z.ZodType<unknown>, string, string]>([
    ["a bigint", z.object({ n: z.bigint() }), "state.n is a z.bigint()", "keep z.string() with String(n)"],
    [
      "a date",
      z.object({ a: z.object({ at: z.date().optional() }) }),
      "state.a.at is a z.date()",
      "keep z.number() with",
    ],
    ["a date in a list", z.array(z.date()), "state is a z.date()", "keep z.number() with date.getTime()"],
    ["a map", z.map(z.string(), z.number()), "state is a z.map()", "keep z.record("],
    ["a set", z.object({ seen: z.set(z.string()) }), "state.seen is a z.set()", "keep z.array("],
    [
      "a text that becomes a date",
      z.codec(z.string(), z.date(), { decode: (s) => new Date(s), encode: String }),
      "state is a z.date()",
      "keep",
    ],
  ])("with %s, of which nothing can be kept, is refused with what to keep", (_, state, message, remedy) => {
    const refusal = expect.objectContaining({
      code: "FUNCTION_INVALID",
      message: expect.stringContaining(`function "keeping": ${message}, whose values are no JSON`),
      remedy: expect.stringContaining(remedy),
    });
    expect(() => requireKeepable([keeping(state)])).toThrow(refusal);
    expect(() => runFunction(keeping(state), [])).toThrow(refusal);
  });

  it("is refused as an accumulator too", () => {
    const folded = defineStream({
      name: "folded",
      input,
      window: session("1min"),
      accumulator: z.object({ seen: z.set(z.number()) }),
      initial: () => ({ seen: new Set<number>() }),
      add: (acc) => acc,
      merge: (acc) => acc,
      result: () => undefined,
    });
    expect(() => requireKeepable([folded])).toThrow(/accumulator\.seen is a z\.set\(\)/);
  });

  it.each<[string, z.ZodType<unknown>]>([
    ["anything", z.any()],
    ["what a transform makes", z.string().transform((text) => text.length)],
    ["a field that may be undefined", z.object({ n: z.number().optional(), u: z.union([z.number(), z.undefined()]) })],
    [
      "itself",
      z.object({
        get inner(): z.ZodType<unknown> {
          return z.unknown();
        },
      }),
    ],
    ["a field called properties", z.object({ properties: z.object({ date: z.string() }) })],
  ])("of %s passes", (_, state) => {
    expect(() => requireKeepable([keeping(state)])).not.toThrow();
  });
});
