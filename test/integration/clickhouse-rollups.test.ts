import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { deviceKey } from "../../core/ids.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { initialTables } from "../../sinks/clickhouse/migrations/0001-initial-tables.ts";
import { BOOKS } from "../../sinks/clickhouse/migrations/books.ts";
import { compareRollups } from "../support/rollup-proof.ts";
import { CHDB_TITLE, hasChdb, openBench, until } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { createFiller, derivedRecord, reading, sourceAt, TENANT } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import type { ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2024, 0, 30, 21, 7, 13);
const NEVER_MS = 3_600_000;

describe.skipIf(!hasChdb())(`roll-ups of readings ${CHDB_TITLE}`, { timeout: 180_000 }, () => {
  let bench: ClickHouseBench;
  let link: ClickHouseLink;
  beforeEach(async () => {
    bench = await openBench();
    await bench.startChdb();
    link = createClickHouseLink(() => bench.chdb().connection());
  });
  afterEach(async () => {
    await link.close();
    await bench.close();
  });

  const settled = (): Promise<void> => until("all is settled", () => bench.isSettled());
  const rolledUp = async (): Promise<void> => {
    await settled();
    await until("nothing is dirty", () => bench.isRolledUp().catch(() => false));
  };
  const expectAsReadings = async (): Promise<void> => {
    await rolledUp();
    const found = await compareRollups(link);
    expect(found.map(({ lacking, foreign }) => ({ lacking, foreign }))).toEqual(
      found.map(() => ({ lacking: 0, foreign: 0 })),
    );
    expect(found.map(({ buckets }) => buckets > 0)).toEqual([true, true, true]);
  };

  it("hold count, sum, extremes and last value of every minute, hour and day, late readings too", async () => {
    await bench.startSink();
    const filler = createFiller(bench.log, { startTs: START, stepMs: 7 * MINUTE });
    filler.readings(1500);
    await expectAsReadings();
    // Into buckets that are computed already, the last one with the time of one that is there.
    const late = [START + 1, START + 2 * MINUTE, START].map((ts, n) =>
      derivedRecord(reading("sensor-0", ts, { temperature: n - 100 }), sourceAt(0, 1_000_000 + n)),
    );
    bench.log.appendNow("readings", 0, late);
    await settled();
    await expectAsReadings();
  });

  const point = fc.record({ at: fc.nat(20 * DAY), value: fc.integer({ min: -1000, max: 1000 }) });
  const question = fc.record({
    from: fc.nat(20 * DAY),
    span: fc.nat(20 * DAY),
    pointsMax: fc.constantFrom(2, 7, 40, 300),
  });

  it.each([
    { title: "computed", rollupDelayMs: 50 },
    { title: "all still dirty", rollupDelayMs: NEVER_MS },
  ])("answer questions for series as the readings would ($title)", async ({ rollupDelayMs }) => {
    await bench.startSink({ rollupPace: { delayMs: rollupDelayMs } });
    const points = fc.sample(point, { numRuns: 3000, seed: 11 });
    // A burst, so that narrow widths have roll-ups to stand for.
    for (let n = 0; n < 3000; n += 1) points.push({ at: DAY + n * 2500, value: n % 17 });
    const append = (some: typeof points, first: number): void => {
      const made = some.map(({ at, value }, n) =>
        derivedRecord(reading("d", START + at, { t: value, b: value > 0, s: "text" }), sourceAt(0, first + n)),
      );
      bench.log.appendNow("readings", 0, made);
    };
    append(points.slice(0, 4000), 0);
    await settled();
    append(points.slice(4000), 4000);
    await settled();
    if (rollupDelayMs !== NEVER_MS) await rolledUp();
    const values = points.map(({ at, value }) => ({ ts: START + at, value }));
    const ask = async ({ from: after, span, pointsMax }: typeof question extends fc.Arbitrary<infer T> ? T : never) => {
      const [from, to] = [START + after, START + after + span];
      const inside = values.filter(({ ts }) => ts >= from && ts < to);
      const query = { tenant: TENANT, device: "d", metric: "t", from, to, pointsMax };
      const { points: answer, bucketMs } = await bench.history().series(query);
      expect(answer.reduce((sum, { count }) => sum + count, 0)).toBe(inside.length);
      expect(bucketMs > 0).toBe(inside.length > pointsMax);
      if (bucketMs === 0) return;
      for (const { ts, value, min, max, count } of answer) {
        const own = inside.filter((one) => one.ts >= ts && one.ts < ts + bucketMs).map((one) => one.value);
        expect({ min, max, count }).toEqual({ min: Math.min(...own), max: Math.max(...own), count: own.length });
        expect(value).toBeCloseTo(own.reduce((sum, one) => sum + one, 0) / own.length, 9);
      }
    };
    await fc.assert(fc.asyncProperty(question, ask), { numRuns: 120, seed: 5 });
  });

  it("are what a series is made of where its width allows it", async () => {
    await bench.startSink();
    createFiller(bench.log, { devices: 1, startTs: START, stepMs: MINUTE }).readings(3000);
    await rolledUp();
    const ask = async (pointsMax: number): Promise<number> => {
      const query = { tenant: TENANT, device: "sensor-0", metric: "humidity", from: START, to: START + 3000 * MINUTE };
      return Math.max(...(await bench.history().series({ ...query, pointsMax })).points.map(({ max }) => max));
    };
    expect([await ask(20), await ask(2000)]).toEqual([69, 69]);
    // A newer version that no reading has made.
    const tamper = (table: string, max: number): Promise<void> =>
      link.command(`INSERT INTO ${table} SELECT tenant, device, metric, start, count + 1, sum, min, ${max}, last, first_ts, last_ts, computed
        FROM ${table} WHERE metric = 'humidity' ORDER BY start LIMIT 1 OFFSET 1`);
    await tamper("rollup_minutes", 1000);
    await tamper("rollup_hours", 2000);
    expect([await ask(20), await ask(2000)]).toEqual([2000, 1000]);
  });

  it("come out the same when server and sink are killed between marks, readings and buckets", async () => {
    const filler = createFiller(bench.log, { startTs: START, stepMs: 11_000 });
    let sink = await bench.startSink({ rowsMax: 3000, rollupPace: { delayMs: 20 } });
    for (let round = 0; round < 8; round += 1) {
      filler.readings(1200);
      await sleep(50 + 40 * round);
      const pid = bench.chdb().pid();
      if (pid !== null) process.kill(pid, "SIGKILL");
      if (round % 3 !== 2) continue;
      await bench.stop(sink);
      sink = await bench.startSink({ rowsMax: 3000, rollupPace: { delayMs: 20 } });
    }
    await expectAsReadings();
    const { readingRows, readingDistinct } = await bench.tally();
    expect([readingRows, readingDistinct]).toEqual([9600 * 6, 9600 * 6]);
  });

  it("miss nothing that comes in between the passes of one round and the next", async () => {
    const filler = createFiller(bench.log, { devices: 20, startTs: START, stepMs: 90_000 });
    await bench.startSink({ rowsMax: 600, rollupPace: { delayMs: 0, passMarks: 20, roundMs: 20 } });
    for (let round = 0; round < 12; round += 1) {
      filler.readings(150);
      await sleep(60);
    }
    await expectAsReadings();
  });

  it("are made again with the tables, and forget a removed device", async () => {
    const filler = createFiller(bench.log, { devices: 2, startTs: START });
    const sink = await bench.startSink();
    filler.readings(400);
    await expectAsReadings();
    const partition = partitionOf(deviceKey(TENANT, "sensor-0"), bench.log.partitionCount);
    const removed = { v: 1, tenant: TENANT, device: "sensor-0", kind: "removed", ts: 1, received: 1, detail: "" };
    bench.log.appendNow("device-events", partition, [derivedRecord(removed, sourceAt(partition, 1000))]);
    await settled();
    // A device of the same id comes back, into a bucket that the one before had too.
    const back = reading("sensor-0", START + 1000, { temperature: 5 });
    bench.log.appendNow("readings", partition, [derivedRecord(back, sourceAt(partition, 1001))]);
    const expectErased = async (): Promise<void> => {
      await expectAsReadings();
      const own = await link.query(
        "SELECT DISTINCT count, sum FROM rollup_days FINAL WHERE device = 'sensor-0'",
        z.object({ count: z.number(), sum: z.number() }),
      );
      expect(own).toEqual([{ count: 1, sum: 5 }]);
    };
    await expectErased();
    await bench.stop(sink);
    await bench.stop(bench.chdb());
    await rm(join(bench.directory, "clickhouse"), { recursive: true });
    await bench.startChdb();
    await bench.startSink();
    await until("the tables are full", async () => ((await bench.tally().catch(() => null))?.readingRows ?? 0) > 1000);
    await expectErased();
  });

  it("are computed of what a release without them has stored", async () => {
    for (const statement of [...BOOKS, ...initialTables.statements]) await link.command(statement);
    await link.command("INSERT INTO schema_migrations SELECT 1, 'initial-tables', now64(3)");
    await link.command(`INSERT INTO readings (tenant, device, metric, ts, kind, number, text, src_offset)
      SELECT '${TENANT}', concat('d', toString(number % 50)), 't', fromUnixTimestamp64Milli(${START} + number * 20000, 'UTC'), 0, number, '', number
      FROM numbers(60000)`);
    await bench.startSink();
    await until(
      "all is rolled up",
      async () => (await bench.isRolledUp().catch(() => false)) && !(await isNew().catch(() => true)),
    );
    await expectAsReadings();
  });
  const isNew = async (): Promise<boolean> =>
    (await link.query("SELECT count() AS rows FROM rollup_days", z.object({ rows: z.number() })))[0]?.rows === 0;

  it("expire as the settings have it, and a late reading still makes whole hours and days", async () => {
    const ttls = async (): Promise<unknown> =>
      (
        await link.query(
          "SELECT name, extract(create_table_query, 'TTL ([^S]*\\\\d\\\\))') AS ttl FROM system.tables WHERE startsWith(name, 'rollup_') ORDER BY name",
          z.object({ name: z.string(), ttl: z.string() }),
        )
      ).map(({ ttl }) => ttl.trim());
    const old = START + 5 * HOUR;
    const sink = await bench.startSink({ rollupRetention: { rollup_minutes: 30, rollup_hours: 400 } });
    const at = (n: number, offset: number) =>
      derivedRecord(reading("d", old + n * MINUTE, { t: n }), sourceAt(0, offset));
    bench.log.appendNow(
      "readings",
      0,
      Array.from({ length: 50 }, (_, n) => at(n, n)),
    );
    await expectAsReadings();
    expect(await ttls()).toEqual(["", "computed + toIntervalDay(400)", "computed + toIntervalDay(30)"]);
    // As if their time had come.
    await link.command("TRUNCATE TABLE rollup_minutes");
    bench.log.appendNow("readings", 0, [at(1, 1000)]);
    await rolledUp();
    const [, hours, days] = await compareRollups(link);
    expect([hours, days]).toMatchObject([
      { lacking: 0, foreign: 0 },
      { lacking: 0, foreign: 0 },
    ]);
    await bench.stop(sink);
    await bench.startSink();
    await until("nothing expires", async () => String(await ttls()) === ",,");
  });
});
