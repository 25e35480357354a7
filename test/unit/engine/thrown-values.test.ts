import { describe, expect, test } from "vitest";
import { defineMap } from "../../../core/function.ts";
import { countingStage, message } from "../../support/counting-stage.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { StageDefinition } from "../../../core/stage.ts";

/** A stage whose function throws that. */
function throwing(make: () => unknown): StageDefinition {
  const thrower = defineMap<"telemetry">({
    name: "thrower",
    version: 1,
    input: "telemetry",
    outputs: [],
    process() {
      throw make();
    },
  });
  return { ...countingStage, functions: [thrower] };
}

function errorWith(fields: PropertyDescriptorMap): Error {
  return Object.defineProperties(new Error("plain"), fields);
}

function refuse(): never {
  throw new Error("asked");
}

const refusesAll = new Proxy({}, { get: refuse, getPrototypeOf: refuse, getOwnPropertyDescriptor: refuse });
const NO_TEXT = "what was thrown has no text";

describe("a dead letter of anything that a function throws", () => {
  const cases: [string, () => unknown, { error: string; errorClass: string; stack?: string }][] = [
    ["nothing", () => undefined, { error: "undefined", errorClass: "undefined", stack: "" }],
    ["a symbol", () => Symbol("s"), { error: "Symbol(s)", errorClass: "symbol", stack: "" }],
    ["an object without a prototype", () => Object.create(null), { error: NO_TEXT, errorClass: "object", stack: "" }],
    ["a message that is no text", () => errorWith({ message: { value: 7 } }), { error: "7", errorClass: "Error" }],
    [
      "a message that has no text",
      () => errorWith({ message: { value: Object.create(null) } }),
      { error: NO_TEXT, errorClass: "Error" },
    ],
    ["a message that throws", () => errorWith({ message: { get: refuse } }), { error: NO_TEXT, errorClass: "Error" }],
    [
      "a stack that is a list",
      () => errorWith({ stack: { value: [1] } }),
      { error: "plain", errorClass: "Error", stack: "" },
    ],
    [
      "a stack that throws",
      () => errorWith({ stack: { get: refuse } }),
      { error: "plain", errorClass: "Error", stack: "" },
    ],
    [
      "no constructor",
      () => errorWith({ constructor: { value: undefined } }),
      { error: "plain", errorClass: "object" },
    ],
    [
      "a class whose name is no text",
      () => errorWith({ constructor: { value: { name: 7 } } }),
      { error: "plain", errorClass: "Error" },
    ],
    [
      "a stack of one long line",
      () => errorWith({ stack: { value: `at ${"x".repeat(2000)} (/a/b.ts:1:1)` } }),
      { error: "plain", errorClass: "Error", stack: "" },
    ],
    [
      "errors in one",
      () => new AggregateError([new Error("no phase A"), new TypeError("no phase B"), "no C"], "no power"),
      { error: "no power (of it: no phase A) (of it: no phase B) (of it: no C)", errorClass: "AggregateError" },
    ],
    [
      "a cause with a cause",
      () => new Error("no mean", { cause: new Error("no sum", { cause: "no readings" }) }),
      { error: "no mean (cause: no sum (cause: no readings))", errorClass: "Error" },
    ],
    [
      "a cause that its text says already",
      () => new Error("no mean: no sum", { cause: new Error("no sum") }),
      { error: "no mean: no sum", errorClass: "Error" },
    ],
    ["a cause that throws", () => errorWith({ cause: { get: refuse } }), { error: "plain", errorClass: "Error" }],
    [
      "errors that are no list",
      () => Object.defineProperty(new AggregateError([], "plain"), "errors", { value: 7 }),
      { error: "plain", errorClass: "AggregateError" },
    ],
    ["a proxy that answers nothing", () => refusesAll, { error: NO_TEXT, errorClass: "object", stack: "" }],
  ];

  test("is as long as it may be, whatever is in it", () => {
    const many = new AggregateError(
      Array.from({ length: 10_000 }, (_, index) => new Error(`${index} ${"x".repeat(300)}`)),
      "all",
    );
    const round = new Error("round");
    round.cause = new AggregateError([round, many], "about");
    for (const error of [many, round]) {
      const [letter] = valuesOf(runStage([message(0, "a", 0, 1)], { stage: throwing(() => error) }), "dead-letters");
      expect(letter).toMatchObject({ error: expect.stringMatching(/^(all|round) \((of it: 0 xxx|cause: about )/) });
      expect(letter).toMatchObject({ error: expect.toSatisfy((text: string) => text.length <= 2000) });
    }
  });

  test.each(cases)("%s", (_title, make, letter) => {
    const run = runStage([message(0, "a", 0, 1)], { stage: throwing(make) });
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ function: "thrower", ...letter }]);
    expect(run.totals.get("t/a")).toMatchObject({ deadLettered: 1 });
  });
});
