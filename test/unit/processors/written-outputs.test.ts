import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { defineMap } from "../../../core/function.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { decodeTelemetryPayload } from "../../../wire/telemetry-payload.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { loadBeijing, loadCampusIot, realDataMissing, recordedPayload } from "../../support/real-data.ts";
import { outputBytes, runStage } from "../../support/stage-run.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";
import type { StageRun } from "../../support/stage-run.ts";

const T0 = Date.UTC(2026, 0, 1);
const TIMES = { tenant: "t", id: "probe", windowMs: [1000], allowedLatenessMs: 2000 };
const METRICS = { door: { kind: "boolean" }, p: { min: -40, max: 85 }, s: { kind: "text" } };
/** One that takes anything, one that knows some metrics, and one that takes no others. */
const TYPES = [TIMES, { ...TIMES, metrics: METRICS }, { ...TIMES, metrics: METRICS, unknownMetrics: "quarantine" }].map(
  (type) => deviceTypeSchema.parse(type),
);

interface Sent {
  readonly received: number;
  readonly payload: string;
}

function run(sent: readonly Sent[], type = TYPES[0]): StageRun {
  const device = { tenant: "t", id: "a", type: "probe", labels: {}, disabled: false };
  const config = controlLogRecord(0, T0, {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: type === undefined ? [] : [type],
    rules: [],
    devices: [device],
  });
  const messages = sent.map(({ received, payload }, index) =>
    logRecord({ offset: index + 1, timestamp: received, key: "t/a", value: payload }),
  );
  return runStage([config, ...messages], { stage: mainStage });
}

function texts(of: StageRun, topic: "readings" | "aggregates"): string[] {
  return (of.outputs.get(topic) ?? []).map(({ value }: RecordInput) => Buffer.from(value).toString());
}

/** A blank in front sends them the long way round: parsed, and printed again. */
function bothWays(sent: readonly Sent[], type = TYPES[0]): number {
  const plain = run(sent, type);
  const other = run(
    sent.map(({ received, payload }) => ({ received, payload: ` ${payload}` })),
    type,
  );
  const [found, wanted] = [plain, other].map((one) =>
    outputBytes(one).filter((text) => !text.startsWith("quarantine")),
  );
  expect(found).toEqual(wanted);
  for (const text of [...texts(plain, "readings"), ...texts(plain, "aggregates")])
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
  return sent.filter(({ payload }) => decodeTelemetryPayload(Buffer.from(payload)).readings[0]?.written).length;
}

const digits = fc
  .array(fc.constantFrom(..."00123456789".split("")), { minLength: 1, maxLength: 9 })
  .map((all) => all.join(""));
const loose = fc
  .tuple(fc.constantFrom("", "-"), digits, fc.constantFrom("", ".", ".0"), digits, fc.constantFrom("", "", "e2", "E-9"))
  .map(([sign, whole, point, rest, exponent]) => sign + whole + (point === "" ? "" : point + rest) + exponent);
const printed = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -9999, max: 9999 }).map((whole) => whole / 100) },
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.string({ maxLength: 5 }),
  fc.constantFrom(0, null, 5e-324, 1e21),
);
const value = fc.oneof(
  printed.map((one) => JSON.stringify(one)),
  loose,
);
const name = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom("t", "h", "p", "door", "s") },
  fc.constantFrom("1", "01", "a b", "ü", 'q"', "\u0001", "__proto__", "constructor"),
  fc.string({ maxLength: 4 }),
);
const looseValues = fc
  .tuple(
    fc.array(fc.tuple(name, value), { maxLength: 5 }),
    fc.constantFrom(":", ":", ": "),
    fc.constantFrom(",", ",", ", "),
  )
  .map(([all, colon, comma]) => `{${all.map(([key, of]) => JSON.stringify(key) + colon + of).join(comma)}}`);
const plainValues = fc
  .dictionary(
    fc.constantFrom("t", "h", "p", "s"),
    fc.oneof(
      fc.integer(),
      fc.integer().map((whole) => whole / 100),
    ),
    { minKeys: 1 },
  )
  .map((all) => JSON.stringify(all));
const values = fc.oneof(looseValues, plainValues);
const sent: fc.Arbitrary<Sent> = fc
  .tuple(values, fc.option(fc.integer({ min: -3000, max: 3000 })), fc.nat(4000), fc.constantFrom("", "", "", "[", " "))
  .map(([text, ts, later, around]) => {
    const body = ts === null ? text : `{"ts":${T0 + ts},"values":${text}}`;
    return { received: T0 + later, payload: around === "[" ? `[${body},{"t":1}]` : body + around };
  });

describe("what the stock stage writes without an object", () => {
  it("is byte for byte what it would print, whatever devices send and however they write it", () => {
    let written = 0;
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 12 }), fc.constantFrom(...TYPES), (all, type) => {
        const inOrder = all.toSorted((a, b) => a.received - b.received);
        written += bothWays(inOrder, type);
      }),
      { numRuns: 1500 },
    );
    // A stage that took none of them so would pass.
    expect(written).toBeGreaterThan(500);
  });

  it("are the values that came, not those of a reading of which a part was refused", () => {
    const of = run([{ received: T0, payload: '{"t":1.5,"p":200,"h":2}' }], TYPES[1]);
    expect(texts(of, "readings")).toEqual([
      `{"v":1,"tenant":"t","device":"a","ts":${T0},"received":${T0},"tsFromReceive":true,"metrics":{"t":1.5,"h":2}}`,
    ]);
    expect(of.outputs.get("quarantine")).toHaveLength(1);
  });

  it("is undone with its message when a function behind it throws", () => {
    const spoilt = defineMap({
      name: "spoilt",
      version: 1,
      input: "readings",
      outputs: [],
      process: ({ metrics }) => {
        if (metrics["t"] === 2) throw new Error("two");
      },
    });
    const stage: StageDefinition = { ...mainStage, functions: [...mainStage.functions, spoilt] };
    const messages = ['{"t":1}', '{"t":2}', '{"t":3}'].map((value, index) =>
      logRecord({ offset: index, timestamp: T0 + index, key: "t/a", value }),
    );
    const of = runStage(messages, { stage });
    expect(texts(of, "readings").map((text) => (JSON.parse(text) as Reading).metrics)).toEqual([{ t: 1 }, { t: 3 }]);
    expect(of.outputs.get("dead-letters")).toHaveLength(1);
  });

  it.skipIf(realDataMissing() !== null)("is what it would print of recorded traffic", { timeout: 120_000 }, () => {
    for (const all of [loadCampusIot(), loadBeijing()]) {
      const some = all.slice(0, 2000);
      const written = bothWays(some.map((one) => ({ received: one.received, payload: recordedPayload(one) })));
      expect(written / some.length).toBeGreaterThan(0.5);
    }
  });
});
