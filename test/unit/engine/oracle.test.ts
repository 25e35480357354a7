import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { alarmEventSchema, aggregateSchema } from "../../../core/derived-records.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { noOutcomes, settledMessages } from "../../../core/ledger.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { compareWithOracle } from "../../support/oracle-comparison.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { memoryColdState } from "../../support/memory-cold-state.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { DeviceType } from "../../../core/device-type.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { OracleMessage, OracleReading } from "../../support/oracle-timeline.ts";
import type { Interruption } from "../../support/stage-run.ts";

const START = Date.UTC(2026, 0, 1);
const FLUSH = START + 10 * 86_400_000;
/** Seconds on a quiet machine. */
const SLOW = { timeout: 60_000 };
const DEVICES = ["a", "b", "c"];

/** How one generated message differs from the one before it. */
interface Move {
  readonly device: number;
  readonly advanceMs: number;
  readonly lagsMs: readonly number[];
  readonly values: readonly number[];
  readonly kind: "message" | "tick" | "repeat" | "text";
}

const move: fc.Arbitrary<Move> = fc.record({
  device: fc.nat(2),
  advanceMs: fc.oneof(
    { weight: 8, arbitrary: fc.nat(3000) },
    { weight: 1, arbitrary: fc.integer({ min: -2000, max: 40_000 }) },
  ),
  lagsMs: fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat(1500) }, { weight: 1, arbitrary: fc.nat(30_000) }), {
    minLength: 1,
    maxLength: 3,
  }),
  values: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 3, maxLength: 3 }),
  kind: fc.constantFrom("message", "message", "message", "message", "message", "tick", "repeat", "text"),
});

const type: fc.Arbitrary<DeviceType> = fc
  .record({
    outOfOrderMs: fc.constantFrom(0, 0, 2500),
    allowedLatenessMs: fc.constantFrom(0, 4000, 20_000),
    idleMs: fc.constantFrom(0, 1000, 8000),
    windowMs: fc.constantFrom([1000], [5000], [2000, 10_000]),
  })
  .map((fields) => deviceTypeSchema.parse({ tenant: "t", id: "probe", ...fields }));

const rules: fc.Arbitrary<AlarmRule[]> = fc
  .array(
    fc.record({
      condition: fc.oneof(
        fc.record({
          kind: fc.constant("threshold"),
          metric: fc.constantFrom("x", "y"),
          op: fc.constantFrom(">", ">=", "<", "<="),
          value: fc.integer({ min: 1, max: 5 }),
          deadband: fc.constantFrom(0, 0, 1, 2),
        }),
        fc.record({ kind: fc.constant("no-data"), afterMs: fc.integer({ min: 1000, max: 12_000 }) }),
      ),
      onDelayMs: fc.constantFrom(0, 0, 1500, 6000),
      offDelayMs: fc.constantFrom(0, 0, 1500, 6000),
    }),
    { maxLength: 3 },
  )
  .map((all) => {
    return all.map((fields, index) => {
      return alarmRuleSchema.parse({ tenant: "t", id: `r${index}`, name: "rule", severity: "high", ...fields });
    });
  });

interface Scenario {
  readonly records: readonly LogRecord[];
  readonly messages: readonly OracleMessage[];
}

function scenarioOf(moves: readonly Move[], deviceType: DeviceType, alarmRules: readonly AlarmRule[]): Scenario {
  const records: LogRecord[] = configRecords(deviceType, alarmRules);
  // The configuration's record moves partition time, as every record does.
  const messages: OracleMessage[] = [{ device: null, received: START, readings: [] }];
  const sent: { device: string; readings: OracleReading[] }[] = [];
  const seen = new Set<string>();
  let received = START;
  for (const [index, { device: deviceIndex, advanceMs, lagsMs, values, kind }] of moves.entries()) {
    received += advanceMs;
    const offset = records.length;
    if (kind === "tick") {
      records.push(controlLogRecord(offset, received, { v: 1, kind: "tick" }));
      messages.push({ device: null, received, readings: [] });
      continue;
    }
    const device = DEVICES[deviceIndex] ?? "a";
    const own = sent.filter((one) => one.device === device);
    const repeated = kind === "repeat" ? own[index % Math.max(1, own.length)] : undefined;
    const readings = repeated?.readings ?? readingsOf(received, lagsMs, values, kind);
    const key = `${device} ${JSON.stringify(readings)}`;
    records.push(logRecord({ offset, timestamp: received, key: `t/${device}`, value: readings }));
    messages.push({ device, received, readings: seen.has(key) ? [] : readings });
    seen.add(key);
    sent.push({ device, readings });
  }
  records.push(controlLogRecord(records.length, received, { v: 1, kind: "flush", upTo: FLUSH }));
  return { records, messages };
}

function readingsOf(
  received: number,
  lagsMs: readonly number[],
  values: readonly number[],
  kind: Move["kind"],
): OracleReading[] {
  return lagsMs.map((lag, index): OracleReading => {
    const x = values[index % values.length] ?? 0;
    const y = values[(index + 1) % values.length] ?? 0;
    if (kind === "text") return { ts: received - lag, values: { state: `s${x}` } };
    return { ts: received - lag, values: y % 3 === 0 ? { x } : { x, y: y / 4 } };
  });
}

function configRecords(deviceType: DeviceType, alarmRules: readonly AlarmRule[]): LogRecord[] {
  const devices = DEVICES.map((id) => ({ tenant: "t", id, type: "probe", labels: {}, disabled: false }));
  const snapshot: ControlRecord = {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: [deviceType],
    rules: [...alarmRules],
    devices,
  };
  return [controlLogRecord(0, START, snapshot)];
}

describe("the engine and the brute-force oracle", () => {
  it("agree on every aggregate, alarm and late count of random streams", SLOW, () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60, size: "max" }), type, rules, (moves, deviceType, alarmRules) => {
        const { records, messages } = scenarioOf(moves, deviceType, alarmRules);
        const run = runStage(records, { stage: mainStage });
        compareWithOracle(run, messages, {
          time: deviceType,
          sizes: deviceType.windowMs,
          rules: alarmRules,
          flushUpTo: FLUSH,
        });
      }),
      { numRuns: 200 },
    );
  });

  it("see every message in exactly one outcome", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), type, (moves, deviceType) => {
        const { records, messages } = scenarioOf(moves, deviceType, []);
        const { totals } = runStage(records, { stage: mainStage });
        for (const device of DEVICES) {
          const own = messages.filter((message) => message.device === device);
          const outcomes = totals.get(`t/${device}`) ?? noOutcomes();
          expect(settledMessages(outcomes)).toBe(own.length);
          expect(outcomes.duplicate).toBe(own.filter(({ readings }) => readings.length === 0).length);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("the outputs of a stage", () => {
  const interruptions: fc.Arbitrary<Interruption[]> = fc.array(
    fc.constantFrom<Interruption>("none", "none", "seal", "snapshot", "restart", "restart-unsealed"),
    { minLength: 1, maxLength: 40 },
  );

  it(
    "are the same bytes wherever units end, however often the state is restored, and whatever of it is put away",
    SLOW,
    () => {
      let broughtBack = 0;
      fc.assert(
        fc.property(
          fc.array(move, { maxLength: 50, size: "max" }),
          type,
          rules,
          interruptions,
          fc.constantFrom(0, 0, 10_000, 20_000, 1_000_000),
          (moves, deviceType, alarmRules, plan, warmBytes) => {
            const { records } = scenarioOf(moves, deviceType, alarmRules);
            const whole = runStage(records, { stage: mainStage });
            let restarts = 0;
            const interrupt = (call: number): Interruption => {
              const planned = plan[call % plan.length] ?? "none";
              if (planned !== "restart-unsealed") return planned;
              // A crash before every seal would never get anywhere.
              restarts += 1;
              return restarts > 10 ? "seal" : planned;
            };
            const cold = memoryColdState(warmBytes);
            const broken = runStage(records, { stage: mainStage, interrupt, cold });
            broughtBack += cold.counts.got;
            expect(outputBytes(broken)).toEqual(outputBytes(whole));
            expect(sortedTotals(broken.totals)).toEqual(sortedTotals(whole.totals));
            expect(broken.state.nextTimer).toBe(whole.state.nextTimer);
            expect(broken.state.next).toEqual(whole.state.next);
          },
        ),
        { numRuns: 100 },
      );
      expect(broughtBack).toBeGreaterThan(1000);
    },
  );

  it("have the shapes that core fixes", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), type, rules, (moves, deviceType, alarmRules) => {
        const run = runStage(scenarioOf(moves, deviceType, alarmRules).records, { stage: mainStage });
        for (const value of valuesOf(run, "aggregates")) expect(aggregateSchema.parse(value)).toEqual(value);
        for (const value of valuesOf(run, "alarms")) expect(alarmEventSchema.parse(value)).toEqual(value);
        expect(valuesOf(run, "dead-letters")).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

function sortedTotals(totals: ReadonlyMap<string, unknown>): unknown[] {
  return [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
}
