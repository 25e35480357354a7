import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encoderOfTopic, STORED_TOPICS } from "../../../sinks/clickhouse/rows/encoder-of-topic.ts";
import { newRowTarget } from "../../../sinks/clickhouse/rows/row-encoder.ts";
import { readNativeBlock } from "../../support/read-native-block.ts";
import { aggregate, reading, sourceAt, TENANT } from "./record-fixtures.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { SourcePosition } from "../../../core/source-position.ts";

const device = { v: 1, tenant: TENANT, device: "pump" };
const VALUES: Readonly<Record<string, object>> = {
  readings: reading("pump", 1000, { t: 21.5, open: true, state: "läuft" }),
  aggregates: aggregate("pump", "t", 60_000, 2, 7),
  alarms: {
    ...device,
    id: "a1",
    rule: "r1",
    ruleName: "hot",
    severity: "high",
    transition: "raised",
    ts: 5,
    since: 1,
    received: 6,
    metric: "t",
    value: 99,
    message: "hot for an hour",
  },
  quarantine: { ...device, reason: "not-finite", detail: "NaN", metric: "t", ts: 5, received: 6, payload: "NaN" },
  "dead-letters": {
    ...device,
    function: "f",
    version: 3,
    error: "boom",
    errorClass: "Error",
    stack: "at f",
    received: 6,
    payload: "e30=",
    source: { topic: "telemetry", partition: 1, offset: 2 },
    timer: { name: "w", at: 9 },
  },
  "device-events": { ...device, kind: "late-dropped", ts: 5, received: 6, detail: "" },
};

function encode(topic: string, value: unknown) {
  const target = newRowTarget();
  const taken = encoderOfTopic(topic)?.(value, sourceAt(3, 44), target);
  return { taken, sheets: [...target.sheets.finish(), ...target.readings.finish(target.latest)] };
}

const SOURCE = { src_stage: "main", src_generation: 0, src_step: 0, src_index: 0 };

/** The rows of readings of one month, by column. */
function rowsOf(all: readonly (readonly [Reading, SourcePosition])[]): Record<string, string | number>[] {
  const target = newRowTarget();
  for (const [value, source] of all) expect(encoderOfTopic("readings")?.(value, source, target)).toBe(true);
  const sheets = target.readings.finish(target.latest);
  return sheets.flatMap(({ bytes, rows: count, shape }) => {
    const { rows, columns } = readNativeBlock(bytes);
    expect([rows, [...columns.keys()]]).toEqual([count, shape.columns]);
    return Array.from({ length: rows }, (_, row) =>
      Object.fromEntries([...columns].map(([name, { values }]) => [name, values[row] ?? ""])),
    );
  });
}

describe.each(Object.entries(VALUES))("the rows of %s", (topic, value) => {
  it("are written for a value of its shape", () => {
    const { taken, sheets } = encode(topic, value);
    expect(taken).toBe(true);
    expect(sheets.reduce((sum, { rows }) => sum + rows, 0)).toBe(topic === "readings" ? 3 : 1);
    expect(sheets[0]?.shape.columns.slice(-6)).toEqual([
      "src_stage",
      "src_partition",
      "src_generation",
      "src_offset",
      "src_step",
      "src_index",
    ]);
  });

  it("are not written, nor a part of them, for a value of another shape", () => {
    for (const other of [undefined, null, 1, "x", [], {}, { ...value, v: 2 }, { ...value, tenant: 5 }]) {
      const { taken, sheets } = encode(topic, other);
      expect({ taken, sheets }).toEqual({ taken: false, sheets: [] });
    }
  });
});

describe("the rows of readings", () => {
  it("hold numbers, booleans and texts in columns of their own", () => {
    const rows = rowsOf([[reading("d", 256, { n: 1, b: true, s: "x" }), sourceAt(3, 44)]]);
    const common = { tenant: "plant", device: "d", ts: 256, ...SOURCE, src_partition: 3, src_offset: 44 };
    // Sorted as the table is: by metric.
    expect(rows).toEqual([
      { ...common, metric: "b", kind: 1, number: 1, text: "" },
      { ...common, metric: "n", kind: 0, number: 1, text: "" },
      { ...common, metric: "s", kind: 2, number: 0, text: "x" },
    ]);
  });

  it("are sorted by tenant, metric, device and arrival, whatever metrics a reading has", () => {
    const at = (tenant: string, device: string, ts: number, metrics: Reading["metrics"]) =>
      [{ ...reading(device, ts, metrics), tenant }, sourceAt(0, ts)] as const;
    const rows = rowsOf([
      at("z", "d2", 5, { t: 1, a: 2 }),
      at("b", "d2", 6, { t: 3 }),
      at("z", "d1", 7, { a: 4, t: 5 }),
      at("b", "d1", 9, { t: 6, "10": 7, "9": 8 }),
      at("b", "d1", 8, { t: 9 }),
    ]);
    expect(rows.map(({ tenant, metric, device, number }) => `${tenant} ${metric} ${device} ${number}`)).toEqual([
      "b 10 d1 7",
      "b 9 d1 8",
      "b t d1 6",
      "b t d1 9",
      "b t d2 3",
      "z a d1 4",
      "z a d2 2",
      "z t d1 5",
      "z t d2 1",
    ]);
  });

  it("are those of every reading, with as many devices, metrics and stages as there may be", () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.string({ unit: "grapheme" }),
    );
    const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text !== "__proto__");
    const one = fc.record({
      device: fc.integer({ min: 0, max: 400 }).map((n) => `d${n}`),
      ts: fc.integer({ min: 0, max: Date.UTC(2298, 0) }),
      metrics: fc.dictionary(name, value, { maxKeys: 8 }),
      offset: fc.maxSafeInteger().map(Math.abs),
      stage: fc.constantFrom("main", "functions", "joins"),
      uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 120, size: "max" }), (all) => {
        const given = all.map(({ device, ts, metrics, offset, stage, uint32: n }) => {
          const source = { ...sourceAt(n % 65_536, offset), stage, generation: n, step: n, index: n };
          return [reading(device, ts, metrics), source] as const;
        });
        const wanted = given.flatMap(([{ device, ts, metrics }, { stage, partition, generation, ...source }]) =>
          Object.entries(metrics).map(([metric, of]) => ({
            tenant: TENANT,
            device,
            metric,
            ts,
            kind: typeof of === "number" ? 0 : typeof of === "boolean" ? 1 : 2,
            number: typeof of === "string" ? 0 : Number(of),
            text: typeof of === "string" ? of : "",
            src_stage: stage,
            src_partition: partition,
            src_generation: generation,
            src_offset: source.offset,
            src_step: source.step,
            src_index: source.index,
          })),
        );
        const textsOf = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row));
        expect(textsOf(rowsOf(given)).toSorted()).toEqual(textsOf(wanted).toSorted());
      }),
      { numRuns: 30 },
    );
  });

  it("lie in one sheet for each month", () => {
    const target = newRowTarget();
    const take = encoderOfTopic("readings");
    const [january, february] = [Date.UTC(2024, 1, 1) - 1, Date.UTC(2024, 1, 1)];
    for (const ts of [february, january, february]) take?.(reading("d", ts, { t: ts }), sourceAt(0, 1), target);
    const sheets = target.readings.finish(target.latest);
    expect(sheets.map(({ month, rows }) => [month, rows])).toEqual([
      [202_402, 2],
      [202_401, 1],
    ]);
    expect(sheets.map(({ bytes }) => readNativeBlock(bytes).columns.get("ts")?.values)).toEqual([
      [february, february],
      [january],
    ]);
    expect(target.latest.devices[0]?.byMetric.get("t")).toMatchObject({ ts: february });
  });

  it("are none for a reading without metrics, which is no mistake", () => {
    expect(encode("readings", reading("d", 1, {}))).toMatchObject({ taken: true, sheets: [] });
  });
});

describe("LatestValues", () => {
  it.each([
    ["numbers", 1, 2, 3, 4, { kind: 0, number: 3, text: "" }],
    ["texts", "one", "two", "three", "four", { kind: 2, number: 0, text: "three" }],
    ["booleans", false, false, true, false, { kind: 1, number: 1, text: "" }],
  ])("keeps the newest of %s by event time and the later arrival among equals", (_, one, two, three, four, newest) => {
    const target = newRowTarget();
    const take = encoderOfTopic("readings");
    for (const [ts, t] of [
      [5, one],
      [9, two],
      [9, three],
      [7, four],
    ] as const) {
      take?.(reading("d", ts, { t }), sourceAt(0, ts), target);
      take?.(reading("e", ts + 1, { t: 0 }), sourceAt(0, ts), target);
    }
    target.readings.finish(target.latest);
    const values = target.latest.devices.map(({ device, byMetric }) => [device, Object.fromEntries(byMetric)]);
    expect(values).toMatchObject([
      ["d", { t: { ts: 9, ...newest } }],
      ["e", { t: { ts: 10 } }],
    ]);
    target.latest.write(target.sheets);
    expect(target.sheets.finish()).toMatchObject([{ rows: 2, month: 0 }]);
  });
});

it("every topic that stages write to has rows", () => {
  expect([...STORED_TOPICS].toSorted()).toEqual(Object.keys(VALUES).toSorted());
});
