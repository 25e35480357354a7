import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deviceKey } from "../../core/ids.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { HEADER } from "../../core/record.ts";
import { formatSourcePosition } from "../../core/source-position.ts";
import { CLICKHOUSE_JOURNAL } from "../../sinks/clickhouse/sink-journal.ts";
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
import type { CommitRequest, EventLog } from "../../core/event-log.ts";

const METRICS_PER_READING = 6;
let bench: ClickHouseBench;

async function expectExactly(readings: number): Promise<void> {
  const { readingRows, readingDistinct } = await bench.tally();
  const expected = readings * METRICS_PER_READING;
  expect({ readingRows, readingDistinct }).toEqual({ readingRows: expected, readingDistinct: expected });
}

const settled = (): Promise<void> => until("all is settled", () => bench.isSettled());

/** The log with something in front of its commits: where a process can die. */
function logWith(commit: (request: CommitRequest, go: () => Promise<void>) => Promise<void>): EventLog {
  return { ...bench.log, commit: (request) => commit(request, () => bench.log.commit(request)) };
}

function kindOf({ entry }: CommitRequest): string {
  return (JSON.parse(Buffer.from(entry.body).toString()) as { kind: string }).kind;
}

const never = new Promise<never>(() => undefined);

describe.skipIf(!hasChdb())(`the ClickHouse sink on chdb ${CHDB_TITLE}`, () => {
  beforeEach(async () => {
    bench = await openBench();
    await bench.startChdb();
  });
  afterEach(() => bench.close());

  it("stores every metric of every reading once", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink();
    filler.readings(2000);
    filler.readings(1000);
    await settled();
    await expectExactly(3000);
    expect(bench.faults).toEqual([]);
  });

  it("keeps a plan of more rows than ClickHouse's usual block in one piece", async () => {
    createFiller(bench.log, { stepMs: 1 }).readings(50_000);
    await bench.startSink({ rowsMax: 1_000_000 });
    await settled();
    await expectExactly(50_000);
  });

  it("drops what is not above the high-water mark, across a restart too", async () => {
    const filler = createFiller(bench.log);
    const first = await bench.startSink();
    const made = filler.readings(100);
    await settled();
    const again = made.slice(0, 50).map((value) => derivedRecord(value, sourceAt(0, 0)));
    bench.log.appendNow("readings", 0, again);
    await settled();
    await bench.stop(first);
    bench.log.appendNow("readings", 0, again);
    await bench.startSink();
    await settled();
    await expectExactly(100);
  });

  it("goes on by what the tables hold when its journal is damaged", async () => {
    const filler = createFiller(bench.log);
    const first = await bench.startSink({ rowsMax: 1000 });
    filler.readings(1000);
    const event = {
      v: 1,
      tenant: TENANT,
      device: "sensor-0",
      kind: "ack",
      ts: 1_700_000_000_000,
      received: 1_700_000_000_000,
    };
    bench.log.appendNow("device-events", 2, [derivedRecord(event, sourceAt(2, 5, { step: 1 }))]);
    await settled();
    await bench.stop(first);
    bench.log.damage({ name: CLICKHOUSE_JOURNAL, partition: 0 }, 0);
    filler.readings(500);
    await bench.startSink();
    await settled();
    await expectExactly(1500);
    expect(bench.faults).toEqual([]);
  });

  it("takes the same source position again when its generation has grown", async () => {
    await bench.startSink();
    const value = reading("sensor-0", 1_700_000_000_000, { t: 1 });
    const record = (generation: number) => derivedRecord(value, sourceAt(0, 0, { generation }));
    bench.log.appendNow("readings", 0, [record(0), record(0), record(1), record(0)]);
    await settled();
    expect(await bench.tally()).toMatchObject({ readingRows: 2, readingDistinct: 2 });
  });

  it("loses and repeats nothing when the server is killed in the middle of inserts", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink({ rowsMax: 3000 });
    for (let round = 0; round < 6; round += 1) {
      filler.readings(1500);
      await sleep(40 + 35 * round);
      const pid = bench.chdb().pid();
      if (pid !== null) process.kill(pid, "SIGKILL");
    }
    await settled();
    await expectExactly(filler.all.length);
    expect(bench.faults.filter((line) => line === "clickhouse-server raised").length).toBeGreaterThan(0);
    expect(bench.faults.at(-1)).toMatch(/cleared$/);
  });

  it("reports a server that hangs, ends it, and goes on", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink();
    const pid = bench.chdb().pid() ?? 0;
    process.kill(pid, "SIGSTOP");
    filler.readings(1000);
    await until("the fault is reported", () => bench.faults.includes("clickhouse-server raised"));
    await settled();
    expect(bench.chdb().pid()).not.toBe(pid);
    await expectExactly(1000);
  });

  it.each([
    { moment: "before the plan is in the journal", kind: "plan", count: 2, isWritten: false },
    { moment: "after the plan, before its inserts", kind: "plan", count: 2, isWritten: true },
    { moment: "after the inserts, before they are settled", kind: "settled", count: 2, isWritten: false },
  ])("has exactly one copy when the process dies $moment", async ({ kind, count, isWritten }) => {
    const filler = createFiller(bench.log);
    let seen = 0;
    const dying = logWith(async (request, go) => {
      if (kindOf(request) === kind) seen += 1;
      if (seen < count) return go();
      // Written or not, the one who wrote it never hears of it.
      if (seen === count && isWritten) await go();
      seen = count + 1;
      return never;
    });
    await bench.startSink({ log: dying });
    filler.readings(1000);
    await settled();
    filler.readings(1000);
    await until("it dies", () => seen > count);
    await bench.startSink();
    filler.readings(500);
    await settled();
    await expectExactly(2500);
  });

  it("fills the tables again from the log when their folder was deleted", async () => {
    const filler = createFiller(bench.log);
    const sink = await bench.startSink();
    filler.readings(2000);
    await settled();
    await bench.stop(sink);
    await bench.stop(bench.chdb());
    await rm(join(bench.directory, "clickhouse"), { recursive: true });
    filler.readings(500);
    await bench.startChdb();
    await bench.startSink();
    await settled();
    await until("the tables are full", async () => (await bench.tally()).readingRows === 2500 * METRICS_PER_READING);
    await expectExactly(2500);
  });

  it("fills them again even when the folder is deleted under the running server", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink();
    filler.readings(1000);
    await settled();
    // The server makes folders while they are deleted.
    await rm(join(bench.directory, "clickhouse"), { recursive: true, maxRetries: 10 });
    filler.readings(500);
    await until(
      "the tables are full",
      async () => (await bench.tally().catch(() => null))?.readingRows === 1500 * METRICS_PER_READING,
    );
    await expectExactly(1500);
  });

  it("goes on at the start of the log when retention has passed it, and says what is missing", async () => {
    const sink = await bench.startSink();
    const filler = createFiller(bench.log);
    filler.readings(100);
    await settled();
    await bench.stop(sink);
    filler.readings(100);
    for (const { topic, partition, endOffset } of (await bench.log.status()).partitions) {
      if (topic === "readings") bench.log.trim(topic, partition, endOffset);
    }
    filler.readings(100);
    await bench.startSink();
    await settled();
    await expectExactly(200);
    expect(bench.faults).toContain("clickhouse-missed happened");
  });

  it("passes over control records and values without their topic's shape, and stores what follows", async () => {
    await bench.startSink();
    const headers = [[HEADER.source, formatSourcePosition(sourceAt(1, 0))]] as const;
    const control = {
      timestamp: 1,
      key: null,
      value: Buffer.from('{"v":1,"kind":"tick"}'),
      headers: [[HEADER.controlKind, "tick"]] as const,
    };
    const bad = { timestamp: 1, key: "plant/x", value: Buffer.from("{not json"), headers };
    bench.log.appendNow("readings", 1, [control, bad]);
    bench.log.appendNow("readings", 1, [derivedRecord(reading("x", 1, { t: 1, u: "ok" }), sourceAt(1, 1))]);
    await settled();
    expect(await bench.tally()).toMatchObject({ readingRows: 2, readingRowsByDevice: { "plant/x": 2 } });
  });

  it("erases a removed device up to its removal, and no other, also when the tables are filled again", async () => {
    const filler = createFiller(bench.log, { devices: 2 });
    const sink = await bench.startSink();
    filler.readings(100);
    await settled();
    const partition = partitionOf(deviceKey(TENANT, "sensor-0"), bench.log.partitionCount);
    const append = (topic: string, value: object, offset: number): void =>
      void bench.log.appendNow(topic, partition, [derivedRecord(value, sourceAt(partition, offset))]);
    const removed = { v: 1, tenant: TENANT, device: "sensor-0", kind: "removed", ts: 1, received: 1, detail: "" };
    append("device-events", removed, 1000);
    append("readings", reading("sensor-0", Date.UTC(2020, 0, 1), { temperature: 1 }), 1001);
    const expectErased = async (): Promise<void> => {
      await settled();
      const { readingRowsByDevice, aggregateRows } = await bench.tally();
      expect(readingRowsByDevice).toEqual({ "plant/sensor-0": 1, "plant/sensor-1": 50 * METRICS_PER_READING });
      expect(aggregateRows).toBe(0);
      const latest = await bench.history().latest(TENANT);
      const newest = latest.filter(({ device }) => device === "sensor-0");
      expect(newest).toMatchObject([{ metric: "temperature", ts: Date.UTC(2020, 0, 1), value: 1 }]);
    };
    await expectErased();
    // What was made before and is read after it, as a partition's topics are not read in step.
    append("aggregates", aggregate("sensor-0", "temperature", 0, 0, 1), 999);
    await expectErased();
    await bench.stop(sink);
    await bench.stop(bench.chdb());
    await bench.startChdb();
    const again = await bench.startSink();
    await expectErased();
    await bench.stop(again);
    await bench.stop(bench.chdb());
    await rm(join(bench.directory, "clickhouse"), { recursive: true });
    await bench.startChdb();
    await bench.startSink();
    const rows = async (): Promise<number> => (await bench.tally().catch(() => null))?.readingRows ?? 0;
    await until("the tables are full", async () => (await rows()) > 50 * METRICS_PER_READING);
    await expectErased();
  });
});
