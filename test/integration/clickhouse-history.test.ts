import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import {
  CHDB_TITLE,
  hasChdb,
  openBench,
  until,
  type ClickHouseBench,
} from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import {
  aggregate,
  createFiller,
  derivedRecord,
  reading,
  sourceAt,
  TENANT,
} from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { Reading } from "../../core/derived-records.ts";

const READINGS = 4000;
const DEVICE = "sensor-3";
const MINUTE = 60_000;

describe.skipIf(!hasChdb())(`history queries ${CHDB_TITLE}`, () => {
  let bench: ClickHouseBench;
  let all: readonly Reading[];
  let from: number;
  let to: number;

  beforeAll(async () => {
    bench = await openBench();
    await bench.startChdb();
    await bench.startSink();
    const filler = createFiller(bench.log);
    filler.readings(READINGS);
    all = filler.all;
    from = Math.min(...all.map(({ ts }) => ts));
    to = Math.max(...all.map(({ ts }) => ts)) + 1;
    // A reading that comes later with an older time, and the same window in three revisions, the last of a new generation.
    const late = reading(DEVICE, from + 500, { temperature: -40, extra: "late" });
    bench.log.appendNow("readings", 0, [derivedRecord(late, sourceAt(0, 1_000_000))]);
    all = [...all, late];
    const windows = [
      derivedRecord(aggregate(DEVICE, "temperature", 10 * MINUTE, 0, 1), sourceAt(0, 0)),
      derivedRecord(aggregate(DEVICE, "temperature", 10 * MINUTE, 7, 2), sourceAt(0, 1)),
      derivedRecord(aggregate(DEVICE, "temperature", 11 * MINUTE, 0, 3), sourceAt(0, 2)),
      derivedRecord(aggregate(DEVICE, "humidity", 10 * MINUTE, 0, 4), sourceAt(0, 3)),
      derivedRecord(aggregate("other", "humidity", 10 * MINUTE, 0, 5), sourceAt(0, 4)),
    ];
    bench.log.appendNow("aggregates", 0, windows);
    await until("all is settled", () => bench.isSettled());
    bench.log.appendNow("aggregates", 0, [
      derivedRecord(aggregate(DEVICE, "temperature", 11 * MINUTE, 2, 6), sourceAt(0, 5)),
      // A window that was taken back.
      derivedRecord(aggregate(DEVICE, "trips.sum", 10 * MINUTE, 0, 9), sourceAt(0, 6)),
      derivedRecord({ ...aggregate(DEVICE, "trips.sum", 10 * MINUTE, 1, 0), count: 0 }, sourceAt(0, 7)),
      derivedRecord(aggregate(DEVICE, "humidity", 10 * MINUTE, 0, 8), sourceAt(0, 8, { generation: 1 })),
    ]);
    await until("all is settled", () => bench.isSettled());
  });
  afterAll(() => bench.close());

  const valuesOf = (metric: string, start = from, end = to): { ts: number; value: number }[] =>
    all
      .filter(({ device, ts }) => device === DEVICE && ts >= start && ts < end)
      .flatMap(({ ts, metrics }) => (metrics[metric] === undefined ? [] : [{ ts, value: Number(metrics[metric]) }]))
      .toSorted((a, b) => a.ts - b.ts);
  const scope = (metric: string) => ({ tenant: TENANT, device: DEVICE, metric, from, to });

  it("gives the raw points of a series when they are few enough", async () => {
    const end = from + 5 * MINUTE;
    const { points, bucketMs } = await bench.history().series({ ...scope("temperature"), to: end, pointsMax: 2000 });
    expect(bucketMs).toBe(0);
    expect(points).toEqual(
      valuesOf("temperature", from, end).map(({ ts, value }) => ({ ts, value, min: value, max: value, count: 1 })),
    );
  });

  it.each([1, 2, 7, 100, 480])(
    "down-samples a series to at most %i points whose statistics agree with brute force",
    async (pointsMax) => {
      const { points, bucketMs } = await bench.history().series({ ...scope("temperature"), pointsMax });
      expect(points.length).toBeLessThanOrEqual(pointsMax);
      expect(bucketMs).toBeGreaterThan(0);
      const values = valuesOf("temperature");
      expect(points.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
      for (const { ts, value, min, max, count } of points) {
        const inside = values.filter((point) => point.ts >= ts && point.ts < ts + bucketMs).map((point) => point.value);
        expect({ min, max, count }).toEqual({
          min: Math.min(...inside),
          max: Math.max(...inside),
          count: inside.length,
        });
        expect(value).toBeCloseTo(inside.reduce((sum, one) => sum + one, 0) / inside.length, 9);
      }
    },
  );

  it("counts a boolean as 1 or 0, and has no series of texts or of what is not there", async () => {
    const open = await bench.history().series({ ...scope("open"), pointsMax: 2000 });
    expect(open.points.map(({ value }) => value)).toEqual(valuesOf("open").map(({ value }) => value));
    for (const metric of ["state", "nothing", "'; DROP TABLE readings --"]) {
      expect(await bench.history().series({ ...scope(metric), pointsMax: 10 })).toEqual({ points: [], bucketMs: 0 });
    }
  });

  it("gives the readings of a device newest first", async () => {
    const rows = await bench.history().readings({ tenant: TENANT, device: DEVICE, from, to, limit: 1000 });
    const expected = all
      .filter(({ device }) => device === DEVICE)
      .flatMap(({ ts, metrics }) =>
        Object.entries(metrics).map(([metric, value]) => ({
          ts,
          metric,
          value: typeof value === "boolean" ? Number(value) : value,
        })),
      )
      .toSorted((a, b) => b.ts - a.ts || (a.metric < b.metric ? -1 : 1))
      .slice(0, 1000);
    expect(rows).toEqual(expected);
  });

  it("gives the newest revision of each window, the newest window first, and that of a newer generation before all", async () => {
    const query = { tenant: TENANT, device: DEVICE, sizeMs: MINUTE, from: 0, to: 20 * MINUTE, limit: 100 };
    expect(await bench.history().aggregates(query)).toEqual([
      aggregate(DEVICE, "temperature", 11 * MINUTE, 2, 6),
      aggregate(DEVICE, "humidity", 10 * MINUTE, 0, 8),
      aggregate(DEVICE, "temperature", 10 * MINUTE, 7, 2),
    ]);
    expect(await bench.history().aggregates({ ...query, limit: 1 })).toMatchObject([{ start: 11 * MINUTE }]);
    const one = await bench.history().aggregates({ ...query, metric: "temperature", from: 11 * MINUTE });
    expect(one.map(({ mean }) => mean)).toEqual([6]);
    expect(await bench.history().aggregates({ ...query, sizeMs: 2 * MINUTE })).toEqual([]);
  });

  it("gives the last value of every metric by event time, of one device and of all", async () => {
    const newest = new Map<string, { device: string; metric: string; ts: number; value: number | string }>();
    for (const { device, ts, metrics } of all) {
      for (const [metric, value] of Object.entries(metrics)) {
        const key = `${device} ${metric}`;
        if ((newest.get(key)?.ts ?? -1) > ts) continue;
        newest.set(key, { device, metric, ts, value: typeof value === "boolean" ? Number(value) : value });
      }
    }
    const sorted = [...newest.values()].toSorted((a, b) =>
      `${a.device} ${a.metric}` < `${b.device} ${b.metric}` ? -1 : 1,
    );
    expect(await bench.history().latest(TENANT)).toEqual(sorted);
    expect(await bench.history().latest(TENANT, DEVICE)).toEqual(sorted.filter(({ device }) => device === DEVICE));
    expect(await bench.history().latest("another-tenant")).toEqual([]);
  });

  it("counts what lies before a cut, per device and without repeats", async () => {
    const all = Array.from({ length: bench.log.partitionCount }, () => Number.MAX_SAFE_INTEGER);
    const { readingRows, readingRowsByDevice } = await bench.tally();
    const stored = await bench.history().stored({ stage: "main", firstGeneration: 0, bounds: all });
    expect(stored).toEqual({ rows: readingRows, distinct: readingRows, byKey: readingRowsByDevice });
    const before = await bench.history().stored({ stage: "main", firstGeneration: 0, bounds: all.map(() => 10) });
    expect(before.rows).toBeGreaterThan(0);
    expect(before.rows).toBeLessThan(readingRows);
    const none = { rows: 0, distinct: 0, byKey: {} };
    expect(await bench.history().stored({ stage: "main", firstGeneration: 7, bounds: all })).toEqual(none);
    expect(await bench.history().stored({ stage: "other", firstGeneration: 0, bounds: all })).toEqual(none);
  });

  it("lists over any range of time, because a list is bounded by its limit", async () => {
    const page = { tenant: TENANT, device: DEVICE, from: 0, to: LIMITS.queryRangeMsMax * 20, limit: 3 };
    expect(await bench.history().readings(page)).toHaveLength(3);
    expect(await bench.history().aggregates({ ...page, sizeMs: MINUTE })).toHaveLength(3);
  });

  it("refuses what breaks a limit before ClickHouse hears of it", async () => {
    const history = bench.history();
    const refused = { code: "INVALID_INPUT" };
    const series = { ...scope("temperature"), pointsMax: 10 };
    await expect(history.series({ ...series, device: "a/b" })).rejects.toMatchObject(refused);
    await expect(history.series({ ...series, pointsMax: LIMITS.chartPointsMax + 1 })).rejects.toMatchObject(refused);
    await expect(history.series({ ...series, pointsMax: 0 })).rejects.toMatchObject(refused);
    await expect(history.series({ ...series, from: 5, to: 4 })).rejects.toMatchObject(refused);
    await expect(history.series({ ...series, from: 0, to: LIMITS.queryRangeMsMax + 1 })).rejects.toMatchObject(refused);
    await expect(history.series({ ...series, from: 0.5 })).rejects.toMatchObject(refused);
    const page = { tenant: TENANT, device: DEVICE, from, to, limit: LIMITS.pageSizeMax + 1 };
    await expect(history.readings(page)).rejects.toMatchObject(refused);
    await expect(history.aggregates({ ...page, sizeMs: MINUTE })).rejects.toMatchObject(refused);
    await expect(history.latest("")).rejects.toMatchObject(refused);
  });
});
