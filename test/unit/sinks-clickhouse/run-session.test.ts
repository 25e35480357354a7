import { describe, expect, it } from "vitest";
import { systemClock } from "../../../core/clock.ts";
import { MillraceError, isMillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { ErasedDevices } from "../../../sinks/clickhouse/erased-devices.ts";
import { Rollups } from "../../../sinks/clickhouse/rollups/rollups.ts";
import { runSession } from "../../../sinks/clickhouse/run-session.ts";
import { SettledCount } from "../../../sinks/clickhouse/settled-readings.ts";
import { createSinkCounters } from "../../../sinks/clickhouse/sink-counters.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../support/memory-event-log.ts";
import { createFakeClickHouse, type FakeClickHouse } from "./fake-click-house.ts";
import { createFiller } from "./record-fixtures.ts";
import type { EventLog } from "../../../core/event-log.ts";
import type { SinkContext } from "../../../sinks/clickhouse/sink-context.ts";

const JOURNAL = { name: "sink:test", partition: 0 };

/** Numbers in [0, 1) from a seed: the same failures in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Commits that fail before or after they are written: the caller cannot tell which. */
function failingLog(log: MemoryEventLog, fails: () => boolean): EventLog {
  return {
    ...log,
    async commit(request) {
      if (fails()) throw new MillraceError("LOG_IO", "it failed before");
      await log.commit(request);
      if (fails()) throw new MillraceError("LOG_IO", "it failed after");
    },
  };
}

function contextOf(log: EventLog, link: FakeClickHouse, more: Partial<SinkContext> = {}): SinkContext {
  let plans = 0;
  const counters = createSinkCounters(createMetrics());
  return {
    log,
    firstGeneration: 0,
    installation: "test",
    link,
    journal: JOURNAL,
    clock: systemClock,
    logger: silentLogger,
    counters,
    onFault: () => undefined,
    erased: new ErasedDevices(),
    settled: new SettledCount(),
    rollups: new Rollups({
      link,
      clock: systemClock,
      counters,
      retention: {},
      delayMs: 5,
      restFactor: 0,
      passMarks: 2,
      roundMs: 0,
    }),
    rollupRetention: {},
    tracer: null,
    lingerMs: 0,
    rowsMax: 60,
    planId: () => `00000000-0000-4000-9000-${String((plans += 1)).padStart(12, "0")}`,
    onProgress: () => undefined,
    ...more,
  };
}

async function isSettled(log: MemoryEventLog): Promise<boolean> {
  const { journals, partitions } = await log.status();
  const done = new Map(journals[0]?.positions.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
  return partitions.every(({ topic, partition, endOffset }) => endOffset === (done.get(`${topic} ${partition}`) ?? 0));
}

/** Sessions one after the other, as the sink runs them, until all that is in the log is settled. Returns how many it took. */
async function runUntilSettled(log: MemoryEventLog, context: SinkContext): Promise<number> {
  for (let sessions = 1; ; sessions += 1) {
    const stop = new AbortController();
    const watch = setInterval(() => void isSettled(log).then((done) => done && stop.abort()), 5);
    try {
      await runSession(context, stop.signal);
      return sessions;
    } catch (error) {
      if (!isMillraceError(error)) throw error;
    } finally {
      clearInterval(watch);
    }
  }
}

function expectEachOnce(link: FakeClickHouse, readings: number): void {
  const rows = link.readings();
  expect(rows.length).toBe(readings * 6);
  expect(new Set(rows).size).toBe(rows.length);
}

describe("a session of the sink", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "stores each row once while journal and ClickHouse fail at random (seed %i)",
    async (seed) => {
      const random = randomFrom(seed);
      const log = createMemoryEventLog();
      const link = createFakeClickHouse({ fails: () => random() < 0.06 });
      const context = contextOf(
        failingLog(log, () => random() < 0.04),
        link,
      );
      const filler = createFiller(log);
      let sessions = 0;
      for (let round = 0; round < 3; round += 1) {
        filler.readings(400);
        sessions += await runUntilSettled(log, context);
      }
      expect(sessions).toBeGreaterThan(3);
      expectEachOnce(link, filler.all.length);
    },
  );

  it("says of each topic what retention had taken before another database could be filled from the log", async () => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    const faults: string[] = [];
    const context = contextOf(log, link, { onFault: (id, state, text) => faults.push(`${id} ${state}: ${text}`) });
    const filler = createFiller(log);
    filler.readings(100);
    await runUntilSettled(log, context);
    const readings = (await log.status()).partitions.filter(({ topic }) => topic === "readings");
    for (const { topic, partition, endOffset } of readings) log.trim(topic, partition, endOffset);
    filler.readings(100);
    await runUntilSettled(log, context);
    // The same database: it has stored them.
    expect(faults).toEqual([]);
    link.replace();
    await runUntilSettled(log, context);
    expect(faults).toEqual([
      expect.stringMatching(/^clickhouse-missed raised: .* lack them for good: 100 of readings\.$/),
    ]);
  });

  it("keeps the journal short over many plans", async () => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    const filler = createFiller(log);
    let longest = 0;
    const measured: EventLog = {
      ...log,
      async commit(request) {
        await log.commit(request);
        if (request.entry.kind === "snapshot") longest += 1;
      },
    };
    const context = contextOf(measured, link, { rowsMax: 6 });
    // One reading per poll: a plan for each.
    const openReader: EventLog["openReader"] = (positions) => {
      const reader = log.openReader(positions);
      return { ...reader, poll: (options) => reader.poll({ ...options, bytesMax: 1 }) };
    };
    filler.readings(1200);
    await runUntilSettled(log, { ...context, log: { ...measured, openReader } });
    expectEachOnce(link, 1200);
    expect(longest).toBeGreaterThan(2);
    expect((await log.claim(JOURNAL)).entries.length).toBeLessThan(520);
  });

  it("stops reading while an insert does not end and the next batch is full, and calls nothing done", async () => {
    const log = createMemoryEventLog();
    const filler = createFiller(log);
    filler.readings(2000);
    const link = createFakeClickHouse({ fails: () => false });
    const stop = new AbortController();
    let polls = 0;
    const openReader: EventLog["openReader"] = (positions) => {
      const reader = log.openReader(positions);
      return { ...reader, poll: (options) => ((polls += 1), reader.poll({ ...options, bytesMax: 1000 })) };
    };
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => void (release = resolve));
    const slow: FakeClickHouse = { ...link, insert: (insert) => released.then(() => link.insert(insert)) };
    const session = runSession(contextOf({ ...log, openReader }, slow), stop.signal);
    // It reads no more once it waits for the insert.
    let seen = -1;
    while (seen < 1 || seen !== polls) {
      seen = polls;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(seen).toBeLessThan(20);
    // Lag and retention go by these: rows that are not in ClickHouse are not done.
    const held = (await log.status()).journals[0]?.positions ?? [];
    expect(held.every(({ offset }) => offset === 0)).toBe(true);
    release();
    stop.abort();
    await session;
    const done = (await log.status()).journals[0]?.positions ?? [];
    expect(done.some(({ offset }) => offset > 0)).toBe(true);
  });

  it("fills another database from the start of the log", async () => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    const filler = createFiller(log);
    filler.readings(300);
    await runUntilSettled(log, contextOf(log, link));
    link.replace();
    filler.readings(100);
    await runUntilSettled(log, contextOf(log, link));
    expectEachOnce(link, 400);
  });

  it.each([
    ["its snapshot", 0],
    ["a plan in the middle", 3],
    ["its last entry", -1],
  ])("stores each row once when the journal is damaged, restart after restart (%s)", async (_, place) => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    const filler = createFiller(log);
    for (let round = 0; round < 4; round += 1) {
      filler.readings(400);
      // Many polls, so that there are many plans.
      const openReader: EventLog["openReader"] = (positions) => {
        const reader = log.openReader(positions);
        return { ...reader, poll: (options) => reader.poll({ ...options, bytesMax: 5000 }) };
      };
      const context = contextOf({ ...log, openReader }, link, { planId: () => crypto.randomUUID() });
      expect(await runUntilSettled(log, context)).toBe(1);
      expectEachOnce(link, filler.all.length);
      log.damage(JOURNAL, place);
    }
  });

  it("fills another database from the start of the log although the journal is damaged", async () => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    createFiller(log).readings(300);
    await runUntilSettled(log, contextOf(log, link));
    log.damage(JOURNAL, 0);
    link.replace();
    await runUntilSettled(log, contextOf(log, link));
    expectEachOnce(link, 300);
  });

  it("tells of records that retention took once, however often it fails before it goes on behind them", async () => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    const filler = createFiller(log);
    filler.readings(20);
    await runUntilSettled(log, contextOf(log, link));
    filler.readings(20);
    for (const { topic, partition, endOffset } of (await log.status()).partitions)
      if (topic === "readings") log.trim(topic, partition, endOffset);
    const told: string[] = [];
    let failures = 3;
    const context = contextOf(
      failingLog(log, () => failures-- > 0),
      link,
      { onFault: (id, transition) => void told.push(`${id} ${transition}`) },
    );
    expect(await runUntilSettled(log, context)).toBeGreaterThan(1);
    expect(told).toEqual(["clickhouse-missed happened"]);
  });

  it("ends when another owner has taken the journal", async () => {
    const log = createMemoryEventLog();
    const link = createFakeClickHouse({ fails: () => false });
    const session = runSession(contextOf(log, link), new AbortController().signal);
    await expect.poll(async () => (await log.status()).journals.length).toBe(1);
    await log.claim(JOURNAL);
    createFiller(log).readings(10);
    await expect(session).rejects.toMatchObject({ code: "JOURNAL_FENCED" });
    expect(link.readings()).toEqual([]);
  });
});
