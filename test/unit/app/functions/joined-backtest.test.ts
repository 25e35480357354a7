import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtest } from "../../../../app/functions/backtest.ts";
import { compareVersions, type ComparedVersions } from "../../../../app/functions/compare-versions.ts";
import { defineJoin, defineMap, z } from "../../../../kit/function.ts";
import { joinOracle, type OracleJoin, type OracleStep } from "../../../support/oracle-joins.ts";
import { historyOfPartitions, pastPartition, type GivenReading } from "../../../support/past-partitions.ts";

const SECOND = 1000;
const START = Date.UTC(2026, 0, 1);
const RANGE = { from: 0, to: START + 1_000_000_000 };
const PARTITIONS = 3;

const given = fc.array(
  fc.record({
    partition: fc.nat(PARTITIONS - 1),
    side: fc.constantFrom("left" as const, "right" as const),
    line: fc.nat(1),
    advance: fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(40) }),
    lag: fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(40) }),
    /** By how much the gateway's clock went back. */
    back: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(8) }),
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
type Given = typeof given extends fc.Arbitrary<infer Readings> ? Readings : never;

/** The readings of each partition; and all of them in the order that a backtest has. */
function scenarioOf(readings: Given) {
  const partitions = Array.from({ length: PARTITIONS }, (): GivenReading[] => []);
  const latest = partitions.map(() => -Infinity);
  let now = START;
  const placed = readings.map(({ partition, side, line, advance, lag, back }, id) => {
    now += advance * SECOND;
    const received = now - back * SECOND;
    const ts = received - lag * SECOND;
    const device = `${side}-${partition}`;
    partitions[partition]?.push({ device, ts, received, metrics: { [side]: id, line } });
    latest[partition] = Math.max(latest[partition] ?? 0, received);
    const step = { kind: "reading", key: `line-${line}`, side, ts, id, device: `default/${device}`, received } as const;
    return { partition, latest: latest[partition] ?? 0, step };
  });
  const steps: (OracleStep & { readonly received: number })[] = placed
    .toSorted((a, b) => a.latest - b.latest || a.partition - b.partition)
    .map(({ step }) => step);
  steps.push({ kind: "flush", upTo: RANGE.to, received: RANGE.to });
  return { partitions, steps };
}

/** Each pair has a metric of its own, so that none of them can stand for another. */
const nameOf = (left: number | null | undefined, right: number | null | undefined): string =>
  `pair_${left ?? "none"}_${right ?? "none"}`;

function pairsOf({ beforeMs, afterMs, latenessMs, outOfOrderMs, idleMs, outer }: OracleJoin) {
  return defineJoin({
    name: "pairs",
    left: {
      input: z.object({ left: z.number(), line: z.number() }),
      key: ({ metrics: { line } }) => `line-${line}`,
    },
    right: {
      input: z.object({ right: z.number(), line: z.number() }),
      key: ({ metrics: { line } }) => `line-${line}`,
    },
    before: beforeMs,
    after: afterMs,
    allowedLateness: latenessMs,
    outOfOrder: outOfOrderMs,
    idle: idleMs,
    outer,
    join: (left, right) => ({ [nameOf(left?.metrics.left, right?.metrics.right)]: 1 }),
  });
}

/** As an instance stored them, with one that another function derived, which is not joined. */
function withStored(partitions: readonly (readonly GivenReading[])[], stored: readonly GivenReading[]) {
  const other = { device: "left-9", ts: START, received: START, metrics: { left: 1000, line: 0 }, maker: "other" };
  return [...partitions, [...stored, other]].map((readings, partition) => pastPartition(partition, readings));
}

const code = (within: string, text = "left.metrics.a + right.metrics.b"): string => `
const { defineJoin, z } = require("millrace/function");
exports.sums = defineJoin({
  name: "sums",
  key: () => "line-1",
  left: { input: z.object({ a: z.number() }) },
  right: { input: z.object({ b: z.number() }) },
  within: "${within}",
  allowedLateness: "1h",
  join(left, right) {
    return { sum: ${text} };
  },
});
`;

describe("a backtest of a join", () => {
  it(
    "is what a brute-force join makes of the readings by receive time, and the same bytes wherever batches end",
    { timeout: 120_000 },
    async () => {
      const seen = { pairs: 0, alone: 0, late: 0 };
      await fc.assert(
        fc.asyncProperty(
          given,
          joins,
          fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 4, maxLength: 4 }),
          async (readings, join, sizes) => {
            const { partitions, steps } = scenarioOf(readings);
            const { results, late } = joinOracle(join, steps);
            const stored = results.map(({ key, ts, left, right }) => {
              return { device: key, ts, received: START, metrics: { [nameOf(left, right)]: 1 }, maker: "pairs" };
            });
            const past = withStored(partitions, stored);
            const run = await backtest([pairsOf(join)], historyOfPartitions(past, sizes), RANGE);
            expect(run).toMatchObject({ readings: readings.length, skipped: 0, events: late, deadLetters: 0 });
            expect(run.compared).toMatchObject({ equal: results.length, changed: 0, new: 0, missing: 0 });
            const again = await backtest([pairsOf(join)], historyOfPartitions(past, [1, 1, 1, 1]), RANGE);
            expect({ ...again, elapsedMs: 0 }).toEqual({ ...run, elapsedMs: 0 });
            seen.pairs += results.filter(({ left, right }) => left !== null && right !== null).length;
            seen.alone += results.filter(({ left, right }) => left === null || right === null).length;
            seen.late += late;
          },
        ),
        { numRuns: 300 },
      );
      expect(Math.min(seen.pairs, seen.alone, seen.late)).toBeGreaterThan(100);
    },
  );

  it("runs other functions of the file beside it, each over its own partition", async () => {
    const doubled = defineMap({
      name: "doubled",
      input: z.object({ left: z.number() }),
      process: ({ metrics: { left } }) => ({ doubled: left * 2 }),
    });
    const bounds = { beforeMs: SECOND, afterMs: SECOND, latenessMs: 0, outOfOrderMs: 0, idleMs: SECOND };
    const pairs = pairsOf({ ...bounds, outer: undefined });
    const readings = [0, 1].map((partition): readonly GivenReading[] => {
      const metrics = { [partition === 0 ? "left" : "right"]: 7, line: 0 };
      return [{ device: `d-${partition}`, ts: START, received: START, metrics }];
    });
    const past = readings.map((some, partition) => pastPartition(partition, some));
    const run = await backtest([doubled, pairs], historyOfPartitions(past, [1, 1]), RANGE);
    expect(run.compared.examples).toEqual([
      { device: "d-0", ts: START, metric: "doubled", emitted: 14 },
      { device: "line-0", ts: START, metric: "pair_7_7", emitted: 1 },
    ]);
  });
});

describe("two versions of a join", () => {
  const readings = (metric: string): PastPartitionRecords =>
    [0, 1, 2, 3].map((n) => {
      const received = START + n * 10 * SECOND + (metric === "b" ? 2 * SECOND : 0);
      const reading = { v: 1, tenant: "default", device: metric, ts: received, received, metrics: { [metric]: n } };
      return { timestamp: received, key: `default/${metric}`, value: Buffer.from(JSON.stringify(reading)) };
    });
  type PastPartitionRecords = readonly { timestamp: number; key: string; value: Uint8Array }[];

  const compared = async (before: string, after: string) => {
    const versions: readonly ComparedVersions[] = [
      { function: "sums", before: { version: 1, code: before }, after: { version: 2, code: after } },
    ];
    const partitions = ["a", "b"].map((metric, partition) => ({ partition, records: readings(metric) }));
    const [comparison] = await compareVersions({
      versions,
      partitions,
      configuration: { types: [], devices: [] },
      from: START,
      to: START + 100 * SECOND,
    });
    return comparison;
  };

  it("differ in what they join", async () => {
    expect(await compared(code("2s"), code("2s"))).toMatchObject({ readings: 8, equal: 4, changed: 0 });
    expect(await compared(code("2s"), code("1s"))).toMatchObject({ equal: 0, onlyBefore: 4, onlyAfter: 0 });
    expect(await compared(code("1s"), code("2s"))).toMatchObject({ equal: 0, onlyBefore: 0, onlyAfter: 4 });
    // Each b but the last is eight seconds before the next a.
    expect(await compared(code("2s"), code("8s"))).toMatchObject({ equal: 4, onlyAfter: 3 });
    expect(await compared(code("2s"), code("2s", "Math.min(left.metrics.a, 2)"))).toMatchObject({
      equal: 1,
      changed: 3,
      examples: [
        { device: "line-1", metric: "sum", before: 2, after: 1 },
        { before: 4, after: 2 },
        { before: 6, after: 2 },
      ],
    });
  });

  it("say what the later one fails with, where it joins", async () => {
    const failing = code("2s", "(() => { throw new RangeError('no sum'); })()");
    expect(await compared(code("2s"), failing)).toMatchObject({
      onlyBefore: 4,
      deadLettersBefore: 0,
      deadLettersAfter: 4,
      faults: [{ error: "no sum", device: "line-1", count: 4 }],
    });
    expect(await compared(failing, code("2s"))).toMatchObject({ deadLettersBefore: 4, deadLettersAfter: 0 });
  });

  it("are compared also where the earlier one joined nothing", async () => {
    const map = `
const { defineMap, z } = require("millrace/function");
exports.sums = defineMap({
  name: "sums",
  input: z.object({ a: z.number() }),
  process: ({ metrics: { a } }) => ({ sum: a }),
});`;
    expect(await compared(map, code("2s"))).toMatchObject({ equal: 0, onlyBefore: 4, onlyAfter: 4 });
    expect(await compared(code("2s"), map)).toMatchObject({ equal: 0, onlyBefore: 4, onlyAfter: 4 });
  });
});
