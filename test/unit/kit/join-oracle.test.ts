import fc from "fast-check";
import { expect, it } from "vitest";
import { deviceEventSchema, readingSchema, type Repartitioned } from "../../../core/derived-records.ts";
import { HEADER } from "../../../core/record.ts";
import { JOINS_STAGE } from "../../../core/stage.ts";
import { defineJoin, z } from "../../../kit/function.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { joinOracle, type OracleJoin, type OracleStep } from "../../support/oracle-joins.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { LogRecord } from "../../../core/record.ts";

const SECOND = 1000;
const START = Date.UTC(2026, 0, 1);

const moves = fc.array(
  fc.record({
    side: fc.constantFrom("left" as const, "right" as const),
    key: fc.constantFrom("line-1", "line-1", "line-1", "line-2"),
    device: fc.nat(1),
    advance: fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(40) }),
    lag: fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(40) }),
    kind: fc.constantFrom(...Array.from({ length: 10 }, () => "reading"), "repeat", "tick", "flush", "flush-device"),
  }),
  { maxLength: 40, size: "max" },
);

const joins: fc.Arbitrary<OracleJoin> = fc.record({
  beforeMs: fc.constantFrom(0, 2 * SECOND, 7 * SECOND),
  afterMs: fc.constantFrom(0, 2 * SECOND, 10 * SECOND),
  latenessMs: fc.constantFrom(0, 0, 5 * SECOND),
  outOfOrderMs: fc.constantFrom(0, 2 * SECOND),
  idleMs: fc.constantFrom(0, 3 * SECOND, 30 * SECOND),
  outer: fc.constantFrom(undefined, "left" as const, "right" as const, "both" as const),
});

interface Scenario {
  readonly records: readonly LogRecord[];
  readonly steps: readonly (OracleStep & { readonly received: number })[];
}

/** Devices of each side lie in two partitions of readings: what each sends comes in order, one among the other. */
function scenarioOf(given: typeof moves extends fc.Arbitrary<infer Moves> ? Moves : never): Scenario {
  const records: LogRecord[] = [];
  const steps: (OracleStep & { readonly received: number })[] = [];
  const offsets = [0, 0];
  let received = START;
  let last: LogRecord | null = null;
  for (const { side, key, device: index, advance, lag, kind } of given) {
    received += advance * SECOND;
    const id = records.length;
    const device = `${side}-${index}`;
    const source = (): string => `functions readings ${index} 0 ${(offsets[index] = (offsets[index] ?? 0) + 1)} 0 0`;
    if (kind === "tick") {
      records.push(controlLogRecord(id, received, { v: 1, kind: "tick" }));
      steps.push({ kind: "tick", received });
    } else if (kind === "flush" || kind === "flush-device") {
      const upTo = received - lag * SECOND;
      const devices = kind === "flush" ? undefined : [`t/${device}`];
      records.push(flushRecord(id, received, source(), { upTo, ...(devices === undefined ? {} : { devices }) }));
      steps.push({ kind: "flush", upTo, received, ...(devices === undefined ? { partition: index } : { devices }) });
    } else if (kind === "repeat" && last !== null) {
      // As after a crash on Kafka: dropped by its source position. It still moves the partition's time.
      records.push(
        logRecord({
          offset: id,
          timestamp: received,
          key: last.key,
          value: JSON.parse(Buffer.from(last.value).toString()),
          headers: last.headers(),
        }),
      );
      steps.push({ kind: "tick", received });
    } else {
      const ts = received - lag * SECOND;
      const value: Repartitioned = {
        v: 1,
        tenant: "t",
        device,
        key,
        function: "pairs",
        side,
        ts,
        received,
        metrics: { id },
      };
      last = logRecord({
        offset: id,
        timestamp: received,
        key: `t/${key}`,
        value,
        headers: [[HEADER.source, source()]],
      });
      records.push(last);
      steps.push({ kind: "reading", key, side, ts, id, device: `t/${device}`, received });
    }
  }
  const upTo = received + 1000 * 86_400_000;
  records.push(controlLogRecord(records.length, received, { v: 1, kind: "flush", upTo }));
  steps.push({ kind: "flush", upTo, received });
  return { records, steps };
}

/** As the functions stage passes it on. */
function flushRecord(
  offset: number,
  timestamp: number,
  source: string,
  what: { readonly upTo: number; readonly devices?: readonly string[] },
): LogRecord {
  const headers = [
    [HEADER.controlKind, "flush"],
    [HEADER.source, source],
  ] as const;
  return logRecord({ offset, timestamp, key: null, value: { v: 1, kind: "flush", ...what }, headers });
}

function stageOf({ beforeMs, afterMs, latenessMs, outOfOrderMs, idleMs, outer }: OracleJoin) {
  const side = { input: z.object({ id: z.number() }) };
  const fn = defineJoin({
    name: "pairs",
    key: ({ device }) => device,
    left: side,
    right: side,
    before: beforeMs,
    after: afterMs,
    allowedLateness: latenessMs,
    outOfOrder: outOfOrderMs,
    idle: idleMs,
    outer,
    join: (left, right) => ({ left: left?.metrics.id, right: right?.metrics.id }),
  });
  const behind = fn.kind === "map" ? fn.behind : undefined;
  if (behind === undefined) throw new TypeError("it joins nothing");
  return { ...JOINS_STAGE, functions: [{ ...behind, version: 1 }] };
}

it(
  "a join of random streams is what a brute-force one gives, late, repeated, silent and flushed, also when restored after every record",
  { timeout: 120_000 },
  () => {
    const seen = { pairs: 0, alone: 0, late: 0 };
    fc.assert(
      fc.property(moves, joins, (given, join) => {
        const { records, steps } = scenarioOf(given);
        const stage = stageOf(join);
        const run = runStage(records, { stage, partitionCount: 2 });
        const expected = joinOracle(join, steps);
        const made = valuesOf(run, "readings").map((value) => {
          const { device, ts, metrics } = readingSchema.parse(value);
          return `${device} ${ts} ${metrics["left"] ?? "-"} ${metrics["right"] ?? "-"}`;
        });
        const wanted = expected.results.map(
          ({ key, ts, left, right }) => `${key} ${ts} ${left ?? "-"} ${right ?? "-"}`,
        );
        expect(made.toSorted()).toEqual(wanted.toSorted());
        expect(new Set(made).size).toBe(made.length);
        const events = valuesOf(run, "device-events").map((value) => deviceEventSchema.parse(value).kind);
        expect(events).toEqual(Array.from({ length: expected.late }, () => "late-dropped"));
        expect(valuesOf(run, "dead-letters")).toEqual([]);
        const restored = runStage(records, {
          stage,
          partitionCount: 2,
          interrupt: (call) => (call % 3 === 0 ? "snapshot" : "restart"),
        });
        expect(outputBytes(restored)).toEqual(outputBytes(run));
        seen.pairs += made.filter((line) => !line.includes("-  ") && !/ -/.test(line)).length;
        seen.alone += made.filter((line) => / -/.test(line)).length;
        seen.late += expected.late;
      }),
      { numRuns: 300 },
    );
    expect(Math.min(seen.pairs, seen.alone, seen.late)).toBeGreaterThan(100);
  },
);
