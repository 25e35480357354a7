import { expect, it } from "vitest";
import { deadLetterSchema } from "../../../core/derived-records.ts";
import { defineMap, defineStream } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { FUNCTIONS_STAGE as stage } from "../../../core/stage.ts";
import { z } from "zod";
import { WHOLE as ALL } from "../../support/canary-run.ts";
import { deploy, loadByWord, reading } from "../../support/deployed-stage.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { StageFunction } from "../../../core/function.ts";

const MIB = 1024 * 1024;

/** `NAME makes PERCENT`: so much of what a step may make as outputs. `NAME keeps PERCENT`: as state. */
function load(code: string): readonly StageFunction[] {
  const [name = "", does = "", percent = ""] = code.split(" ");
  const bytes = (LIMITS.stepBytesMax * Number(percent)) / 100;
  if (does === "makes") {
    const texts = Math.floor(bytes / 1_000_100);
    const metrics = { text: "x".repeat(1_000_000) };
    return [
      defineMap<"readings">({
        name,
        version: 0,
        input: "readings",
        outputs: ["readings"],
        process: (of, context) => {
          for (let n = 0; n < texts; n += 1) context.emit("readings", { ...of, metrics });
        },
      }),
    ];
  }
  if (does !== "keeps") return loadByWord(code);
  // In slots of a mebibyte: one may not take more than four.
  const slots = Math.floor(bytes / MIB);
  const onInput = (_: unknown, context: { state: { set(name: string, value: string): void } }): void => {
    for (let slot = 0; slot < slots; slot += 1) context.state.set(`text-${slot}`, "x".repeat(MIB));
  };
  return [
    defineStream<"readings", string>({ name, version: 0, input: "readings", outputs: [], state: z.string(), onInput }),
  ];
}

/** Whose dead letters come of a reading that a function works first, and then one with a canary. */
function blamed(first: string, live: string, canary: string): readonly unknown[] {
  const records = [
    deploy(0, "a", 1, first),
    deploy(1, "f", 1, live),
    deploy(2, "f", 1, live, 2, [2, canary, ALL]),
    reading(3, "d", 3),
  ];
  return valuesOf(runStage(records, { stage, load }), "dead-letters").map(
    (letter) => deadLetterSchema.parse(letter).function,
  );
}

it.each(["makes 60", "keeps 60"])("a canary is not blamed for what %s %% of a step before it", (first) => {
  expect(blamed(first, "sum", "squares")).toEqual([]);
});

it.each(["makes 55", "keeps 55"])("a canary that %s %% of a step fails", (canary) => {
  expect(blamed("sum", "sum", canary)).toEqual(["f@canary"]);
});

it.each(["makes 45", "keeps 45"])(
  "where a canary %s %% and the step becomes too large by it, the live version goes on",
  (canary) => {
    expect(blamed("makes 60", "sum", canary)).toEqual(["f@canary"]);
  },
);

it("where the step is too large without the canary, the step fails", () => {
  expect(blamed("keeps 60", "keeps 60", "sum")).toEqual(["$step"]);
});
