import { describe, expect, it } from "vitest";
import { defineBatch, defineJoin, defineMap, defineStream, tumbling, z } from "../../../kit/function.ts";
import { flushRecord, readingRecord, runRecords, typeRecord } from "../../support/function-run.ts";
import type { StageFunction } from "../../../core/function.ts";
import type { FunctionContext } from "../../../kit/definition.ts";

const READ_ONLY = "readings and state are read only; return a new state instead of changing the old";
const input = z.object({ a: z.number() });
const given = [0, 1000, 9000].map((at, index) => readingRecord(index + 1, { at, metrics: { a: at } }));
const records = [
  typeRecord({ outOfOrderMs: 100, metrics: { a: { unit: "m", kind: "number" } } }, ["d"], { site: "a" }),
  ...given,
  flushRecord(4, 0),
];

/** In the stage with a hostile function in front of it, by its name: what it makes says what configuration it was run by. */
const neighbour = defineStream({
  name: "neighbour",
  input,
  window: tumbling("2s"),
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }, { metrics }) => ({ sum: sum + metrics.a }),
  result: ({ sum }, _window, { config, labels }) => ({ sum, late: config.outOfOrderMs, site: labels["site"] }),
});

function beside(hostile: StageFunction) {
  const { readings, deadLetters } = runRecords([hostile, neighbour], records);
  const alone = runRecords([neighbour], records).readings;
  expect(readings).toEqual(alone);
  expect(alone.map(({ metrics }) => metrics["sum"])).toEqual([1000, 9000]);
  return deadLetters.map(({ error }) => error);
}

describe("what is the engine's own", () => {
  const writes: [string, (context: FunctionContext) => unknown, string][] = [
    ["a type's times", ({ config }) => Object.assign(config, { outOfOrderMs: 7 }), "outOfOrderMs"],
    ["a type's metrics", ({ config }) => Object.assign(config.metrics, { b: {} }), "b"],
    ["a metric of a type", ({ config }) => Object.assign(config.metrics["a"] ?? {}, { unit: "km" }), "unit"],
    ["labels", ({ labels }) => Object.assign(labels, { site: "b" }), "site"],
  ];
  it.each(writes)("is not changed by a function: %s", (_, write, name) => {
    const process = (_reading: unknown, context: FunctionContext): undefined => void write(context);
    const errors = beside(defineMap({ name: "hostile", input, process }));
    expect(errors).toHaveLength(3);
    for (const error of errors) {
      expect(error).toMatch(new RegExp(`^Cannot (assign to read only|add) property '?${name}'?`));
      expect(error.endsWith(`: ${READ_ONLY}`)).toBe(true);
    }
  });

  const writing = (metrics: object): undefined => void Object.assign(metrics, { a: 7 });
  const schemas: [string, z.ZodType<object>][] = [
    ["any", z.any()],
    ["unknown", z.unknown().pipe(z.custom<object>())],
    ["custom", z.custom<object>()],
    ["a union", z.union([z.string().transform(() => ({})), z.any()])],
    ["plain fields that may be null", z.object({ a: z.number().nullable() })],
    ["given back as it is", z.any().transform((metrics: object) => metrics)],
  ];
  it.each(schemas)("is not changed through an input of %s", (_, whole) => {
    const errors = beside(defineMap({ name: "hostile", input: whole, process: ({ metrics }) => writing(metrics) }));
    expect(errors).toEqual(Array(3).fill(expect.stringMatching(`^Cannot assign .*: ${READ_ONLY}$`)));
  });

  it("nor in an input's own code", () => {
    const changing = z.preprocess((metrics) => writing(Object(metrics)), z.any());
    const errors = beside(defineMap({ name: "hostile", input: changing, process: () => undefined }));
    expect(errors).toHaveLength(3);
  });

  it("nor by one that is given it another way", () => {
    const batch = defineBatch({
      name: "hostile",
      input,
      process: (readings, { configOf }) => readings.map((one) => void Object.assign(configOf(one), { idleMs: 7 })),
    });
    expect(beside(batch)).toHaveLength(3);
    const join = defineJoin({
      name: "hostile",
      key: ({ labels }) => void Object.assign(labels, { site: "b" }),
      left: { input },
      right: { input },
      within: "1s",
      join: () => undefined,
    });
    expect(beside(join)).toHaveLength(3);
  });
});
