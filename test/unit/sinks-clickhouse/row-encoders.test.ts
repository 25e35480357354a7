import { describe, expect, it } from "vitest";
import { encoderOfTopic, STORED_TOPICS } from "../../../sinks/clickhouse/rows/encoder-of-topic.ts";
import { LatestValues } from "../../../sinks/clickhouse/rows/latest-values.ts";
import { RowSheets } from "../../../sinks/clickhouse/row-sheets.ts";
import { aggregate, reading, sourceAt, TENANT } from "./record-fixtures.ts";

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
  const target = { sheets: new RowSheets(), latest: new LatestValues() };
  const taken = encoderOfTopic(topic)?.(value, sourceAt(3, 44), target);
  return { taken, sheets: target.sheets.finish(), latest: target.latest };
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
    const { sheets } = encode("readings", reading("d", 256, { n: 1, b: true, s: "x" }));
    const tail = [
      4,
      ...Buffer.from("main"),
      3,
      ...Array.from({ length: 5 }, () => 0),
      44,
      ...Array.from({ length: 15 }, () => 0),
    ];
    const head = (metric: string) => [
      5,
      ...Buffer.from("plant"),
      1,
      100,
      1,
      metric.charCodeAt(0),
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
    ];
    const one = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    const zero = [0, 0, 0, 0, 0, 0, 0, 0];
    expect([...(sheets[0]?.bytes ?? [])]).toEqual(
      [
        [...head("n"), 0, ...one, 0, ...tail],
        [...head("b"), 1, ...one, 0, ...tail],
        [...head("s"), 2, ...zero, 1, 120, ...tail],
      ].flat(),
    );
  });

  it("are none for a reading without metrics, which is no mistake", () => {
    expect(encode("readings", reading("d", 1, {}))).toMatchObject({ taken: true, sheets: [] });
  });
});

describe("LatestValues", () => {
  it("keeps the newest by event time and the later arrival among equals", () => {
    const target = { sheets: new RowSheets(), latest: new LatestValues() };
    const take = encoderOfTopic("readings");
    for (const [ts, t] of [
      [5, 1],
      [9, 2],
      [9, 3],
      [7, 4],
    ] as const)
      take?.(reading("d", ts, { t }), sourceAt(0, ts), target);
    const sheets = new RowSheets();
    target.latest.write(sheets);
    const [sheet] = sheets.finish();
    expect(sheet).toMatchObject({ rows: 1, month: 0 });
    // tenant, device, metric, ts, kind, number, text
    const view = new DataView(sheet?.bytes.buffer ?? new ArrayBuffer(0), sheet?.bytes.byteOffset);
    expect([view.getUint8(10), view.getFloat64(19, true)]).toEqual([9, 3]);
  });
});

it("every topic that stages write to has rows", () => {
  expect([...STORED_TOPICS].toSorted()).toEqual(Object.keys(VALUES).toSorted());
});
