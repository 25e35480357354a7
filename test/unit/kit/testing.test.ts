import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defineMap, defineStream, tumbling, z } from "../../../kit/function.ts";
import { expectSame, fixture, runFunction } from "../../../kit/testing.ts";

const START = Date.parse("2026-01-31T12:00:00Z");
const MINUTE = 60_000;

const double = defineMap({
  name: "double",
  input: z.object({ a: z.number() }),
  process: ({ metrics: { a } }) => ({ b: 2 * a }),
});
const counter = defineStream({
  name: "counter",
  input: z.object({ a: z.number() }),
  state: z.object({ n: z.number() }),
  initial: () => ({ n: 0 }),
  process: (_reading, { n }) => ({ state: { n: n + 1 }, emit: { n: n + 1 } }),
});
const sums = defineStream({
  name: "sums",
  input: z.object({ a: z.number() }),
  window: tumbling("10min"),
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }, { metrics: { a } }) => ({ sum: sum + a }),
  result: ({ sum }) => ({ sum }),
});

const at = (minute: number, a = 1, device = "one") => ({ ts: START + minute * MINUTE, device, metrics: { a } });

describe("runFunction", () => {
  it("gives what a function emits, and counts what passes by", () => {
    const { readings, skipped, deadLetters } = runFunction(double, [
      { ts: "2026-01-31T12:00:00Z", metrics: { a: 21 } },
      { ts: "2026-01-31T12:00:01Z", metrics: { other: 1 } },
    ]);
    expect(readings).toEqual([
      { v: 1, tenant: "default", device: "device-1", ts: START, received: START, metrics: { b: 42 } },
    ]);
    expect({ skipped, deadLetters }).toEqual({ skipped: 1, deadLetters: [] });
  });

  it("gives the state of each device as its author wrote it", () => {
    const { state } = runFunction(counter, [at(0), at(1), at(2, 1, "two")]);
    expect(state).toEqual({ one: { n: 2 }, two: { n: 1 } });
  });

  it("gives the state of several functions by function", () => {
    const last = defineStream({
      name: "last",
      input: z.object({ a: z.number() }),
      state: z.object({ a: z.number() }),
      initial: () => ({ a: 0 }),
      process: ({ metrics: { a } }) => ({ state: { a } }),
    });
    expect(runFunction([counter, last], [at(0, 4)]).state).toEqual({ one: { counter: { n: 1 }, last: { a: 4 } } });
  });

  it("runs several functions side by side, as a deployed stage does: none reads what another makes", () => {
    const onDoubled = defineMap({
      name: "on-doubled",
      input: z.object({ b: z.number() }),
      process: ({ metrics: { b } }) => ({ c: b + 1 }),
    });
    const sample = [{ ...at(0, 4), metrics: { a: 4, b: 1 } }];
    const madeOf = (functions: Parameters<typeof runFunction>[0]) =>
      runFunction(functions, sample).readings.map(({ metrics }) => metrics);
    expect(madeOf([double, onDoubled])).toEqual([{ b: 8 }, { c: 2 }]);
    expect(madeOf([onDoubled, double])).toEqual([{ b: 8 }, { c: 2 }]);
  });

  it("closes windows up to `until`, and leaves them open without it", () => {
    expect(runFunction(sums, [at(0, 2), at(1, 3)]).readings).toEqual([]);
    const { readings, aggregates } = runFunction(sums, [at(0, 2), at(1, 3)], { until: START + 10 * MINUTE });
    expect(readings.map(({ metrics }) => metrics)).toEqual([{ sum: 5 }]);
    expect(aggregates.map(({ metric, last }) => [metric, last])).toEqual([["sums.sum", 5]]);
  });

  it("lets ticks and silence close windows too", () => {
    const { readings } = runFunction(sums, [at(0, 2), { tick: START + 20 * MINUTE }]);
    expect(readings.map(({ metrics }) => metrics)).toEqual([{ sum: 2 }]);
  });

  it("selects by type and labels", () => {
    const selective = defineMap({
      name: "selective",
      input: z.object({ a: z.number() }),
      select: { type: "pump", labels: { site: "north" } },
      process: ({ metrics: { a } }) => ({ a2: a }),
    });
    expect(runFunction(selective, [at(0)]).skipped).toBe(1);
    expect(runFunction(selective, [at(0)], { type: { id: "pump" } }).skipped).toBe(1);
    const chosen = { type: { id: "pump" }, labels: { site: "north" } };
    expect(runFunction(selective, [at(0)], chosen).readings).toHaveLength(1);
  });

  it("gives a dead letter for what throws", () => {
    const throwing = defineMap({
      name: "throwing",
      input: z.object({ a: z.number() }),
      process: () => {
        throw new RangeError("no");
      },
    });
    expect(runFunction(throwing, [at(0)]).deadLetters).toMatchObject([{ errorClass: "RangeError", error: "no" }]);
  });

  it("refuses what is no sample, and says which entry", () => {
    expect(() => runFunction(double, [at(0), { ts: START, metrics: { a: Number.NaN } }])).toThrow(/^entry 2: /);
    // @ts-expect-error: what a person without a compiler may write
    expect(() => runFunction(double, [{ time: 1 }])).toThrow(/^entry 1 is neither a reading/);
  });
});

describe("the determinism check", () => {
  it("names a function that counts in a variable of its module", () => {
    let calls = 0;
    const counting = defineMap({
      name: "counting",
      input: z.object({ a: z.number() }),
      process: () => ({ calls: (calls += 1) }),
    });
    expect(() => runFunction(counting, [at(0)])).toThrow(/^counting is not deterministic: run a second time/);
  });

  it("lets pass what writes to several topics by turns", () => {
    const talking = defineMap({
      name: "talking",
      input: z.object({ a: z.number() }),
      process({ metrics: { a } }, context) {
        context.event(`it is ${a}`);
        return { b: a };
      },
    });
    expect(runFunction(talking, [at(0), at(1), at(2)]).events).toHaveLength(3);
  });

  it("names a function whose memory does not outlive a restart", () => {
    // Minus zero is no JSON: a restart makes 0 of it.
    const rounding = defineStream({
      name: "rounding",
      input: z.object({ a: z.number() }),
      state: z.object({ n: z.number() }),
      initial: () => ({ n: -0 }),
      process: (_reading, { n }) => ({ state: { n: n === 0 ? -0 : n }, emit: { sign: Object.is(n, -0) ? 1 : 2 } }),
    });
    expect(() => runFunction(rounding, [at(0), at(1)])).toThrow(/^rounding is not deterministic: restarted between/);
  });
});

describe("fixtures", () => {
  const before = process.cwd();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "millrace-"));
    mkdirSync(join(folder, "fixtures"));
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  const write = (text: string): void => writeFileSync(join(folder, "fixtures", "some.jsonl"), text);

  it("have an entry per line, with configuration before the readings", () => {
    write(
      [
        '{"deviceType":{"id":"pump"}}',
        '{"configure":"one","type":"pump","labels":{"site":"north"}}',
        `{"ts":${START},"device":"one","metrics":{"a":2}}`,
        "",
        `{"flush":${START + MINUTE}}`,
      ].join("\n"),
    );
    expect(runFunction(double, fixture("some")).readings).toMatchObject([{ device: "one", metrics: { b: 4 } }]);
  });

  it("name the file and the line that cannot be read", () => {
    write(`{"ts":${START},"metrics":{"a":2}}\n{"ts":`);
    expect(() => fixture("some")).toThrow(/^fixtures\/some\.jsonl: line 2 is no JSON/);
    write('{"ts":"yesterday","metrics":{}}');
    expect(() => fixture("some")).toThrow(/^fixtures\/some\.jsonl: line 1: .*ts/);
    expect(() => fixture("none")).toThrow(/^fixtures\/none\.jsonl: .*no such file/);
  });

  it("hold what was expected: written once, compared ever after", () => {
    expect(() => expectSame("result", { a: [1, 2] })).toThrow(/result\.expected\.json was not there/);
    expect(JSON.parse(readFileSync("fixtures/result.expected.json", "utf8"))).toEqual({ a: [1, 2] });
    expectSame("result", { a: [1, 2] });
    expect(() => expectSame("result", { a: [1, 3] })).toThrow(/not what fixtures\/result\.expected\.json says/);
  });
});
