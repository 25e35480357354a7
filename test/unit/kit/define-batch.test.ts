import { describe, expect, it } from "vitest";
import { defineBatch, z } from "../../../kit/function.ts";
import { runFunctions } from "../../support/function-run.ts";

const input = z.object({ a: z.number() });
const given = [1, 2, 3].map((a, at) => ({ at, metrics: { a } }));

describe("a batch function", () => {
  it("gives a result for each reading, whatever else is in the batch", () => {
    const doubled = defineBatch({
      name: "doubled",
      input,
      process: (readings) => readings.map(({ metrics: { a } }) => (a === 2 ? undefined : { b: 2 * a })),
    });
    expect(runFunctions([doubled], given).readings.map(({ metrics }) => metrics["b"])).toEqual([2, 6]);
  });

  it("may ask for the type of each device", () => {
    const lateness = defineBatch({
      name: "lateness",
      input,
      process: (readings, context) => readings.map((one) => ({ ms: context.configOf(one).allowedLatenessMs })),
    });
    const { readings } = runFunctions([lateness], given.slice(0, 1), { type: { allowedLatenessMs: 5 } });
    expect(readings.map(({ metrics }) => metrics["ms"])).toEqual([5]);
  });

  it("that gives fewer results than readings is a dead letter", () => {
    const none = defineBatch({ name: "none", input, process: () => [] });
    expect(runFunctions([none], given.slice(0, 1)).deadLetters.map(({ error }) => error)).toEqual([
      "none returns 0 results for 1 reading: return a list with one result for each",
    ]);
  });
});
