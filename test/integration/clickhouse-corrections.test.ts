import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { HEADER } from "../../core/record.ts";
import { formatSourcePosition } from "../../core/source-position.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { compareRollups } from "../support/rollup-proof.ts";
import { CHDB_TITLE, hasChdb, openBench, until } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { derivedRecord, reading, sourceAt, TENANT } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { RecordInput } from "../../core/record.ts";
import type { SourcePosition } from "../../core/source-position.ts";
import type { ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import type { ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const MINUTE = 60_000;
const START = Date.UTC(2024, 0, 31, 23, 30);
const DEVICE = "boiler";
const timeOf = (n: number): number => START + n * MINUTE;

/** What a function made of reading n, and what a replay puts in its place; null takes it back. */
const made = (n: number): SourcePosition => sourceAt(0, n, { stage: "functions", topic: "readings" });
const replayed = (n: number, replay = 9): SourcePosition =>
  sourceAt(0, n, { stage: "replay", topic: "readings", generation: replay });
const derived = (n: number, value: number): RecordInput =>
  derivedRecord(reading(DEVICE, timeOf(n), { load: value }), made(n));

function correction(n: number, value: number | null, of = made(n), replay = 9): RecordInput {
  const metrics: Reading["metrics"] = value === null ? {} : { load: value };
  const record = derivedRecord({ ...reading(DEVICE, timeOf(n), metrics), revision: 1 }, replayed(n, replay));
  return { ...record, headers: [...record.headers, [HEADER.replaces, formatSourcePosition(of)]] };
}

describe.skipIf(!hasChdb())(`corrections in the tables ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
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

  const append = (...records: readonly RecordInput[]): void => void bench.log.appendNow("readings", 0, records);
  const settled = async (): Promise<void> => {
    await until("all is settled", () => bench.isSettled());
    await until("nothing is dirty", () => bench.isRolledUp().catch(() => false));
  };
  const stored = async (): Promise<readonly (readonly [number, number])[]> => {
    const query = { tenant: TENANT, device: DEVICE, from: START, to: timeOf(1000), limit: 1000 };
    const items = await bench.history().readings(query);
    return items.map(({ ts, value }) => [(ts - START) / MINUTE, Number(value)] as const).toReversed();
  };
  const latest = async (): Promise<readonly number[]> =>
    (await bench.history().latest(TENANT, DEVICE)).map(({ value }) => Number(value));
  const expectRollups = async (): Promise<void> => {
    await settled();
    for (const { lacking, foreign } of await compareRollups(link))
      expect({ lacking, foreign }).toEqual({ lacking: 0, foreign: 0 });
  };
  const stagedRows = async (): Promise<number> => {
    const [row] = await link.query("SELECT count() AS n FROM superseded_readings", z.object({ n: z.number() }));
    return row?.n ?? -1;
  };

  it("take the place of rows, or take them back, in readings, roll-ups and last values", async () => {
    await bench.startSink();
    append(...[0, 1, 2, 3, 4].map((n) => derived(n, n)));
    await expectRollups();
    append(correction(1, 100), correction(2, null), correction(4, null));
    await expectRollups();
    expect(await stored()).toEqual([
      [0, 0],
      [1, 100],
      [3, 3],
    ]);
    expect(await latest()).toEqual([3]);
    expect(await stagedRows()).toBe(0);
  });

  it("are corrected again, and what comes twice changes nothing", async () => {
    await bench.startSink();
    append(derived(0, 1), derived(1, 1));
    await settled();
    append(correction(0, 2), correction(1, 2));
    append(correction(0, 3, replayed(0), 10), correction(1, null, replayed(1), 10));
    append(correction(0, 3, replayed(0), 10));
    await expectRollups();
    expect(await stored()).toEqual([[0, 3]]);
    expect(await latest()).toEqual([3]);
  });

  it("fill new tables as they changed the old ones, from one plan", async () => {
    append(derived(0, 1), derived(1, 1), correction(0, 5), correction(1, null));
    await bench.startSink();
    await expectRollups();
    expect(await stored()).toEqual([[0, 5]]);
    expect(await latest()).toEqual([5]);
  });

  it("go with their device when it is removed, also those that a replay makes later of what came before", async () => {
    await bench.startSink();
    append(derived(0, 1), derived(1, 1), correction(0, 7));
    await settled();
    const removed = { v: 1, tenant: TENANT, device: DEVICE, kind: "removed", ts: 5, received: 5, detail: "" };
    const until = sourceAt(0, 2, { stage: "functions", topic: "readings" });
    bench.log.appendNow("device-events", 0, [derivedRecord(removed, until)]);
    await settled();
    append(correction(1, 8, made(1), 10), derived(3, 3));
    await expectRollups();
    expect(await stored()).toEqual([[3, 3]]);
    expect(await latest()).toEqual([3]);
  });
});
