import { describe, expect, test } from "vitest";
import { defineBatch } from "../../../kit/define-batch.ts";
import { defineJoin } from "../../../kit/define-join.ts";
import { defineMap } from "../../../kit/define-map.ts";
import { defineStream } from "../../../kit/define-stream.ts";
import { runFunction } from "../../../kit/testing.ts";
import { requireKnownOptions } from "../../../kit/unknown-options.ts";
import { tumbling } from "../../../kit/windows.ts";
import { z } from "zod";

const input = z.object({ t: z.number() });
const state = z.object({ n: z.number() });
const name = "dew";
/** As code has it that no compiler has seen. */
const also = (options: object): object => options;

const map = { name, input, process: () => ({}) };
const keyed = { name, input, state, initial: () => ({ n: 0 }), process: () => undefined };
const windowed = {
  name,
  input,
  window: tumbling("1h"),
  accumulator: state,
  initial: () => ({ n: 0 }),
  add: (acc: { n: number }) => acc,
  result: () => undefined,
};
const join = { name, key: () => "k", left: { input }, right: { input }, within: "1s" as const, join: () => undefined };
const migrating = { stateVersion: 2, migrate: () => ({ n: 0 }) };

describe("an option that nobody reads", () => {
  test.each([
    ["a map", defineMap({ ...map, ...also({ topic: "raw" }) }), "topic is no option of defineMap"],
    ["a batch", defineBatch({ ...map, process: () => [{}], ...also({ size: 9 }) }), "size is no option of defineBatch"],
    ["a stream", defineStream({ ...keyed, ...also({ tll: "1d" }) }), "tll is no option of defineStream,"],
    [
      "a window",
      defineStream({ ...windowed, ...also({ late: 0 }) }),
      "late is no option of defineStream with a window",
    ],
    ["a join", defineJoin({ ...join, ...also({ outr: "left" }) }), "outr is no option of defineJoin"],
    ["a selection", defineMap({ ...map, select: also({ typ: "pump" }) }), "select.typ is no option of defineMap"],
    ["a side", defineJoin({ ...join, left: { input, ...also({ keys: 1 }) } }), "left.keys is no option of defineJoin"],
    ["two", defineMap({ ...map, ...also({ a: 1, b: 2 }) }), "a, b are no options of defineMap, and nobody reads them"],
  ])("of %s is refused where it is deployed and tried, with those that there are", (_what, fn, text) => {
    const refusal = expect.objectContaining({
      code: "FUNCTION_INVALID",
      message: expect.stringContaining(`function "dew": ${text}`),
      remedy: expect.stringContaining("there are name, "),
    });
    expect(() => requireKnownOptions([fn])).toThrow(refusal);
    expect(() => runFunction(fn, [])).toThrow(refusal);
  });

  test("is none of those that the types have", () => {
    const select = { type: "pump", labels: { site: "north" } };
    const known = [
      defineMap({ ...map, select }),
      defineStream({ ...keyed, ...migrating, select, ttl: "1d", onTimer: () => undefined }),
      defineStream({ ...windowed, ...migrating, select, early: "1min", allowedLateness: 0 }),
      defineJoin({ ...join, left: { input, select, key: () => "k" }, outer: "both", allowedLateness: 0 }),
      defineJoin({ ...join, before: "1s", after: "1s", outOfOrder: "1s", idle: "1min", stateVersion: 2 }),
    ];
    expect(() => requireKnownOptions(known)).not.toThrow();
  });
});
