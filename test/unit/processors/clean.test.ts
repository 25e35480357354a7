import { describe, expect, it } from "vitest";
import { quarantinedSchema, readingSchema } from "../../../core/derived-records.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { LIMITS } from "../../../core/limits.ts";
import { clean } from "../../../processors/clean/clean.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { Quarantined, Reading } from "../../../core/derived-records.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const T0 = Date.UTC(2026, 0, 1);
const stage: StageDefinition = { name: "clean-only", input: "telemetry", functions: [clean] };
const TYPE = deviceTypeSchema.parse({
  tenant: "t",
  id: "probe",
  metrics: { t: { unit: "°C", min: -40, max: 85 }, door: { kind: "boolean" }, state: { kind: "text" } },
  unknownMetrics: "quarantine",
});

interface Cleaned {
  readonly readings: readonly Reading[];
  readonly quarantine: readonly Quarantined[];
  readonly outcomes: object | undefined;
}

function cleaned(payloads: readonly (string | Uint8Array | object)[], typed = false): Cleaned {
  const device = { tenant: "t", id: "a", type: typed ? "probe" : null, labels: {}, disabled: false };
  const config = controlLogRecord(0, T0, {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: [TYPE],
    rules: [],
    devices: [device],
  });
  const messages = payloads.map((value, index) => {
    return logRecord({ offset: index + 1, timestamp: T0 + index, key: "t/a", value });
  });
  const run = runStage([config, ...messages], { stage });
  expect(valuesOf(run, "dead-letters")).toEqual([]);
  return {
    readings: valuesOf(run, "readings").map((value) => readingSchema.parse(value)),
    quarantine: valuesOf(run, "quarantine").map((value) => quarantinedSchema.parse(value)),
    outcomes: run.totals.get("t/a"),
  };
}

describe("clean", () => {
  it("makes a reading of values without a time: its receive time, marked", () => {
    const { readings, outcomes } = cleaned([{ t: 21.5, on: true, s: "ok" }]);
    expect(readings).toEqual([
      {
        v: 1,
        tenant: "t",
        device: "a",
        ts: T0,
        received: T0,
        tsFromReceive: true,
        metrics: { t: 21.5, on: true, s: "ok" },
      },
    ]);
    expect(outcomes).toMatchObject({ processed: 1, valuesProduced: 3, valuesQuarantined: 0 });
  });

  it("takes the device's time where there is one", () => {
    const { readings } = cleaned([
      [
        { ts: T0 - 5000, values: { t: 1 } },
        { ts: T0 + LIMITS.eventTimeAheadMsMax, values: { t: 2 } },
      ],
    ]);
    expect(readings.map(({ ts, tsFromReceive }) => [ts, tsFromReceive])).toEqual([
      [T0 - 5000, undefined],
      [T0 + LIMITS.eventTimeAheadMsMax, undefined],
    ]);
  });

  it.each([
    [{ ts: 0, values: { t: 1 } }, "time-before-2000"],
    [{ ts: 1_700_000_000, values: { t: 1 } }, "time-before-2000"],
    [{ ts: Date.UTC(2099, 0, 1), values: { t: 1 } }, "time-in-future"],
    [{ ts: T0 + LIMITS.eventTimeAheadMsMax + 1, values: { t: 1 } }, "time-in-future"],
    [{ ts: String(T0), values: { t: 1 } }, "bad-time"],
    [{ ts: T0 + 0.5, values: { t: 1 } }, "bad-time"],
    [{ ts: null, values: { t: 1 } }, "bad-time"],
    [{ ts: {}, values: { t: 1 } }, "bad-time"],
    ['{"ts":1e400,"values":{"t":1}}', "bad-time"],
    ["not json", "bad-json"],
    ["[]", "bad-shape"],
    [Uint8Array.of(0xff), "bad-utf8"],
    ["[".repeat(10_000), "too-deep"],
  ])("quarantines the whole message %j as %s", (payload, reason) => {
    const { readings, quarantine, outcomes } = cleaned([payload]);
    expect(readings).toEqual([]);
    expect(quarantine.map((one) => [one.reason, one.metric])).toEqual([[reason, undefined]]);
    expect(outcomes).toMatchObject({ quarantined: 1, processed: 0 });
  });

  it("says what looks like seconds", () => {
    expect(cleaned([{ ts: 1_700_000_000, values: { t: 1 } }]).quarantine[0]?.detail).toContain("seconds");
  });

  it.each([
    ['{"t":1,"x":1e400}', "x", "not-finite"],
    ['{"t":1,"x":-1e400}', "x", "not-finite"],
    [{ t: 1, x: null }, "x", "bad-value"],
    [{ t: 1, x: { y: 1 } }, "x", "bad-value"],
    [{ t: 1, x: [1] }, "x", "bad-value"],
    [{ t: 1, x: "a".repeat(LIMITS.textValueBytesMax + 1) }, "x", "bad-value"],
    ['{"t":1,"x":"\\ud800"}', "x", "bad-value"],
    ['{"t":1,"__proto__":2}', "__proto__", "bad-metric-name"],
    [{ t: 1, "": 2 }, "", "bad-metric-name"],
    [{ t: 1, "a\u0000b": 2 }, "a\u0000b", "bad-metric-name"],
    [{ t: 1, ["µ".repeat(65)]: 2 }, "µ".repeat(65), "bad-metric-name"],
  ])("quarantines the one bad value of %j and keeps the rest", (payload, metric, reason) => {
    const { readings, quarantine, outcomes } = cleaned([payload]);
    expect(readings.map(({ metrics }) => metrics)).toEqual([{ t: 1 }]);
    expect(quarantine.map((one) => [one.reason, one.metric, one.ts])).toEqual([[reason, metric, T0]]);
    expect(outcomes).toMatchObject({ processed: 1, valuesProduced: 2, valuesQuarantined: 1 });
  });

  it.each([
    ["1e999", "1e999", "1e999"],
    ["one with blanks", " -1.50E+0400 ", "-1.50E+0400"],
    ["many digits and a small exponent", `${"9".repeat(250)}e99`, `${"9".repeat(250)}e99`],
    ["one within an object", '{"y":[1e999,1e3],"z":1.0}', '{"y":[1e999,1000],"z":1}'],
    ["digits alone", "9".repeat(4000), "9".repeat(4000)],
    // Looking for it would take a hundred times as long as all else.
    ["one in more than a reject shows", "9".repeat(LIMITS.quarantinePayloadBytesMax), "Infinity"],
  ])("keeps of a number that is too large what was sent: %s", (_title, sent, kept) => {
    const { readings, quarantine } = cleaned([`{"t":1,"x":${sent}}`]);
    expect(readings.map(({ metrics }) => metrics)).toEqual([{ t: 1 }]);
    expect(quarantine.map(({ payload }) => payload)).toEqual([kept]);
  });

  it("keeps such a number also as a time, as values and as an element", () => {
    const sent = ['{"ts":1e999,"values":{"t":-1e999}}', '{"values":1e999}', '[1e999,{"t":1}]', "1e999"];
    const kept = cleaned(sent).quarantine.map(({ reason, detail, payload }) => [reason, detail, payload]);
    expect(kept).toEqual([
      ["bad-time", "1e999 is no time: whole UTC milliseconds are expected", sent[0]],
      ["not-finite", "values is beyond what a number can hold", "1e999"],
      ["bad-shape", "element 0: an object of metric values is expected", "1e999"],
      ["bad-shape", "an object of metric values is expected", "1e999"],
    ]);
  });

  it("cuts a name that is far too long", () => {
    const { quarantine } = cleaned([{ t: 1, ["n".repeat(5000)]: 2 }]);
    expect(quarantine[0]?.metric).toHaveLength(LIMITS.quarantineMetricCharactersMax);
  });

  it("does not let __proto__ reach any prototype", () => {
    const { readings } = cleaned(['{"t":1,"__proto__":{"polluted":true},"constructor":5}']);
    expect(readings[0]?.metrics).toEqual({ t: 1, constructor: 5 });
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  it("counts a message as quarantined when nothing of it is left", () => {
    const { readings, quarantine, outcomes } = cleaned([{ x: null, y: {} }]);
    expect(readings).toEqual([]);
    expect(quarantine).toHaveLength(2);
    expect(outcomes).toMatchObject({ quarantined: 1, processed: 0, valuesProduced: 2, valuesQuarantined: 2 });
  });

  it.each([
    [{ t: 100 }, "out-of-range"],
    [{ t: -40.5 }, "out-of-range"],
    [{ t: "21" }, "wrong-kind"],
    [{ door: 1 }, "wrong-kind"],
    [{ state: false }, "wrong-kind"],
    [{ other: 1 }, "unknown-metric"],
    [{ constructor: 1 }, "unknown-metric"],
  ])("checks %j against the device's type: %s", (payload, reason) => {
    expect(cleaned([payload], true).quarantine.map((one) => one.reason)).toEqual([reason]);
  });

  it("lets pass what the device's type allows", () => {
    const { readings, quarantine } = cleaned([{ t: 85, door: true, state: "shut" }], true);
    expect(quarantine).toEqual([]);
    expect(readings).toHaveLength(1);
  });

  it("refuses a reading with too many values, and cuts what it quotes", () => {
    const values = Object.fromEntries(
      Array.from({ length: LIMITS.metricsPerReadingMax + 1 }, (_, index) => [`metric${index}`, 1e20]),
    );
    const { quarantine, outcomes } = cleaned([values]);
    expect(quarantine.map(({ reason }) => reason)).toEqual(["too-many-values"]);
    expect(Buffer.byteLength(quarantine[0]?.payload ?? "")).toBeLessThanOrEqual(LIMITS.quarantinePayloadBytesMax + 3);
    expect(outcomes).toMatchObject({ valuesProduced: 201, valuesQuarantined: 201 });
  });
});
