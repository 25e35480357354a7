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
    ["a proxy that answers nothing", () => refusesAll, { error: NO_TEXT, errorClass: "object", stack: "" }],
  ];

  test.each(cases)("%s", (_title, make, letter) => {
    const run = runStage([message(0, "a", 0, 1)], { stage: throwing(make) });
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ function: "thrower", ...letter }]);
    expect(run.totals.get("t/a")).toMatchObject({ deadLettered: 1 });
  });
});
