import { describe, expect, expectTypeOf, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { defineMap, z } from "../../../kit/function.ts";
import { userDetailsOf } from "../../../kit/user-function.ts";
import { START, runFunctions, runRecords, readingRecord, typeRecord } from "../../support/function-run.ts";

const input = z.object({ a: z.number(), b: z.number() });
const sum = defineMap({ name: "sum", input, process: ({ metrics: { a, b } }) => ({ sum: a + b }) });

describe("a map", () => {
  it("makes a derived reading of the same device and time", () => {
    const { readings } = runFunctions([sum], [{ at: 5, received: 9, metrics: { a: 1, b: 2, other: "x" } }]);
    const expected = { v: 1, tenant: "t", device: "d", ts: START + 5, received: START + 9, metrics: { sum: 3 } };
    expect(readings).toEqual([expected]);
  });

  it("lets pass by what does not match its input, and counts it", () => {
    const { readings, deadLetters } = runFunctions(
      [sum],
      [
        { at: 0, metrics: { a: 1 } },
        { at: 1, metrics: { a: 1, b: "2" } },
        { at: 2, metrics: { a: 1, b: 2 } },
      ],
    );
    expect(readings.map(({ ts }) => ts)).toEqual([START + 2]);
    expect(deadLetters).toEqual([]);
  });

  it("counts what it took and what passed by", () => {
    const counted = defineMap({ name: "counted", input, process: () => undefined });
    runFunctions(
      [counted],
      [
        { at: 0, metrics: { a: 1 } },
        { at: 1, metrics: { a: 1, b: 2 } },
      ],
    );
    expect(userDetailsOf({ ...counted, version: 3 })?.counters).toEqual({ taken: 1, skipped: 1 });
  });

  it("sees the metrics that its input names, with their types", () => {
    let seen: unknown;
    const only = defineMap({
      name: "only",
      input: z.object({ a: z.number(), open: z.boolean().optional() }),
      process(reading, context) {
        expectTypeOf(reading.metrics).toEqualTypeOf<{ a: number; open?: boolean | undefined }>();
        expectTypeOf(context.ts).toBeNumber();
        seen = reading.metrics;
      },
    });
    runFunctions([only], [{ at: 0, metrics: { a: 1, b: 2 } }]);
    expect(seen).toEqual({ a: 1 });
  });

  it("refuses a result of another shape when it is compiled", () => {
    // @ts-expect-error -- a metric is a number, a boolean or a text
    defineMap({ name: "bad", input, process: () => ({ x: new Date(0) }) });
    // @ts-expect-error -- the input has no metric of that name
    defineMap({ name: "bad", input, process: ({ metrics }) => ({ x: metrics.nothing }) });
  });

  it("may return readings with times of their own, but none from the future", () => {
    const times = defineMap({
      name: "times",
      input: z.object({ offset: z.number() }),
      process: ({ ts, metrics }) => [{ ts: ts + metrics.offset, metrics: { x: 1 } }],
    });
    const { readings, deadLetters } = runFunctions(
      [times],
      [
        { at: 5000, metrics: { offset: -1000 } },
        { at: 6000, metrics: { offset: 1 } },
      ],
    );
    expect(readings.map(({ ts }) => ts)).toEqual([START + 4000]);
    expect(deadLetters.map(({ error }) => error)).toEqual([expect.stringContaining("times returns a reading at")]);
  });

  it("is for the devices that it selects", () => {
    const selecting = (select: object) => defineMap({ name: "chosen", input, select, process: () => ({ x: 1 }) });
    const records = [typeRecord({}, ["d"], { site: "a" }), readingRecord(1, { at: 0, metrics: { a: 1, b: 2 } })];
    const made = (select: object) => runRecords([selecting(select)], records).readings.length;
    expect(made({ type: "probe", labels: { site: "a" } })).toBe(1);
    expect(made({ labels: { site: "b" } })).toBe(0);
    expect(made({ labels: { toString: "a" } })).toBe(0);
    expect(made({ type: "pump" })).toBe(0);
  });

  it("gets the same random numbers for the same call", () => {
    const random = defineMap({
      name: "dice",
      input,
      process: (_, context) => ({ x: context.random(), y: context.random() }),
    });
    const given = [0, 1].map((at) => ({ at, metrics: { a: 1, b: 2 } }));
    const first = runFunctions([random], given).readings;
    expect(runFunctions([random], given).readings).toEqual(first);
    expect(new Set(first.flatMap(({ metrics }) => [metrics["x"], metrics["y"]])).size).toBe(4);
  });

  it("tells of a device", () => {
    const telling = defineMap({ name: "telling", input, process: (_, context) => context.event("hello") });
    const { events } = runFunctions([telling], [{ at: 7, metrics: { a: 1, b: 2 } }]);
    expect(events).toEqual([
      { v: 1, tenant: "t", device: "d", kind: "function", ts: START + 7, received: START + 7, detail: "hello" },
    ]);
  });
});

describe("what a map tells", () => {
  it("is cut at its ceiling", () => {
    const long = defineMap({ name: "long", input, process: (_, context) => context.event("x".repeat(2000)) });
    const { events } = runFunctions([long], [{ at: 7, metrics: { a: 1, b: 2 } }]);
    expect(events.map(({ detail }) => detail.length)).toEqual([LIMITS.functionEventCharactersMax]);
  });
});

describe("how much a map tells in one call", () => {
  const { eventsPerCallMax } = LIMITS;
  const tell = (count: number) =>
    defineMap({
      name: "flood",
      input,
      process: (_, context) => {
        for (let index = 0; index < count; index += 1) context.event(`event ${index}`);
        return { told: count };
      },
    });
  const given = [0, 1].map((at) => ({ at, metrics: { a: 1, b: 2 } }));

  it("may be as many events as the limit says, in each call anew", () => {
    const { events, deadLetters } = runFunctions([tell(eventsPerCallMax)], given);
    expect(events).toHaveLength(2 * eventsPerCallMax);
    expect(deadLetters).toEqual([]);
  });

  it("is undone with one more, and the dead letter says what to do", () => {
    const { events, readings, deadLetters } = runFunctions([tell(eventsPerCallMax + 1)], given);
    expect([events, readings]).toEqual([[], []]);
    expect(deadLetters).toMatchObject(
      given.map(() => ({
        errorClass: "RangeError",
        error:
          "flood writes more than 20 device events in one call: write one that sums them up, or return what is measured as metrics",
      })),
    );
  });
});

describe("a map that goes wrong", () => {
  const returning = (result: unknown) => {
    // oxlint-disable-next-line typescript/consistent-type-assertions -- what untyped code may do
    const wrong = defineMap({ name: "wrong", input, process: () => result as undefined });
    return runFunctions([wrong], [{ at: 0, metrics: { a: 1, b: 2 } }]).deadLetters.map(({ error }) => error);
  };

  it.each([
    [{ x: NaN }, 'wrong returns the metric "x" = NaN: only finite numbers'],
    [{ x: null }, 'wrong returns the metric "x" of type object'],
    [{ "": 1 }, "whose name is not 1–128 characters long"],
    [null, "wrong returns null: return an object of metrics"],
    [5, "wrong returns a value of type number"],
    [[{ metrics: {} }], "return an object of metrics, a list of { ts, metrics }, or nothing"],
    [[{ ts: 1.5, metrics: {} }], "which is no time in ms"],
    [Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`m${index}`, 1])), "201 metrics in one reading"],
    [Array.from({ length: 1001 }, () => ({ ts: START, metrics: {} })), "returns 1001 readings at once"],
  ])("makes a dead letter: %s", (result, text) => {
    expect(returning(result)).toEqual([expect.stringContaining(text)]);
  });

  it("makes a dead letter when it returns a promise, whose rejection nobody has to handle", () => {
    expect(returning(Promise.reject(new Error("later")))).toEqual([
      expect.stringContaining("wrong returns a promise: functions are synchronous"),
    ]);
  });

  it("is refused when it is defined", () => {
    const refused = (definition: object) => {
      try {
        // oxlint-disable-next-line typescript/consistent-type-assertions -- what untyped code may do
        defineMap(definition as Parameters<typeof defineMap>[0]);
        return "defined";
      } catch (error) {
        return error;
      }
    };
    const process = () => undefined;
    expect(refused({ name: "Sum", input, process })).toMatchObject({ code: "FUNCTION_INVALID" });
    expect(refused({ name: "-a", input, process })).toMatchObject({ remedy: expect.stringContaining("dew-point") });
    expect(refused({ name: "a".repeat(64), input, process })).toMatchObject({ code: "FUNCTION_INVALID" });
    expect(refused({ name: "a", input: { a: "number" }, process })).toMatchObject({
      message: 'function "a": input is no zod schema',
    });
    expect(refused({ name: "a", input })).toMatchObject({ message: 'function "a": process is no function' });
    expect(refused({ name: "a", input, process: async () => undefined })).toMatchObject({
      message: 'function "a": process is async',
    });
    expect(refused({ name: "a", input, process })).toBe("defined");
  });
});
