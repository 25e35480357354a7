import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { at, eventually, text } from "../../contract/event-log/log-harness.ts";
import { damageDirectories, damageEntries, journalKinds, removeEntry } from "../../support/damaged-log.ts";
import { openTestLog } from "./open-test-log.ts";
import type { JournalEntry } from "../../../core/event-log.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";

const JOURNAL = { name: "stage:main", partition: 0 };
const SNAPSHOT = { kind: "snapshot", complete: true } as const;
const CHUNK = { kind: "snapshot", complete: false } as const;
let directory = "";
let opened: EmbeddedLog | null = null;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "millrace-damage-"));
});

afterEach(async () => {
  await closeLog();
  await rm(directory, { recursive: true, force: true });
});

async function openLog(options: Parameters<typeof openTestLog>[1] = {}): Promise<EmbeddedLog> {
  await closeLog();
  opened = await openTestLog(directory, options);
  return opened;
}

async function closeLog(): Promise<void> {
  await opened?.close(AbortSignal.timeout(5000));
  opened = null;
}

async function damage(...entries: number[]): Promise<void> {
  await closeLog();
  await damageEntries(directory, JOURNAL, entries);
}

/** Commits an entry whose position is the number in its name. */
async function commit(log: EmbeddedLog, epoch: number, name: string, fields: Partial<JournalEntry> = {}) {
  const positions = [at("telemetry", 0, Number(name.slice(1)))];
  const entry: JournalEntry = { kind: "unit", positions, nextTimer: null, body: Buffer.from(name), ...fields };
  await log.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
}

async function claim(log: EmbeddedLog) {
  const { epoch, entries, damaged } = await log.claim(JOURNAL);
  return { epoch, damaged, names: entries.map(({ body }) => Buffer.from(body).toString()).join(" ") };
}

/** A journal that was begun by a claim (entry 0) and holds u1, u2, u3 (entries 1 to 3). */
async function threeUnits(): Promise<number> {
  const log = await openLog();
  const { epoch } = await claim(log);
  for (const name of ["u1", "u2", "u3"]) await commit(log, epoch, name);
  return epoch;
}

describe("a damaged journal entry", () => {
  test.each([
    [1, ""],
    [2, "u1"],
    [3, "u1 u2"],
  ])("ends what is restored before it, and a snapshot makes the journal whole (unit %i)", async (entry, names) => {
    const epoch = await threeUnits();
    await damage(entry);
    const first = await claim(await openLog());
    expect(first).toEqual({ epoch: expect.any(Number), damaged: true, names });
    expect(first.epoch).toBeGreaterThan(epoch);
    // An owner that died before its snapshot landed changes nothing.
    const log = await openLog();
    const second = await claim(log);
    expect(second).toMatchObject({ damaged: true, names });
    await commit(log, second.epoch, "s1", SNAPSHOT);
    await commit(log, second.epoch, "u2");
    expect(await claim(log)).toMatchObject({ damaged: false, names: "s1 u2" });
    const third = await openLog();
    const { epoch: last } = await claim(third);
    await commit(third, last, "u3");
    expect(await claim(await openLog())).toMatchObject({ damaged: false, names: "s1 u2 u3" });
  });

  test("lets nothing but a snapshot follow: a unit behind it could never be restored", async () => {
    await threeUnits();
    await damage(2);
    const log = await openLog();
    const { epoch } = await claim(log);
    await expect(commit(log, epoch, "u2")).rejects.toThrow("must begin with a snapshot");
    await commit(log, epoch, "s1", CHUNK);
    await expect(commit(log, epoch, "u2")).rejects.toThrow("must begin with a snapshot");
    await commit(log, epoch, "s2", SNAPSHOT);
    await commit(log, epoch, "u3");
    expect(await claim(log)).toMatchObject({ damaged: false, names: "s1 s2 u3" });
  });

  test.each([
    ["the first", [0], "u1 u2 u3 u4"],
    ["one between units", [4], "u1 u2 u3 u4"],
  ])("that was a claim takes nothing with it (%s)", async (_, entries, names) => {
    await threeUnits();
    const log = await openLog();
    await commit(log, (await claim(log)).epoch, "u4");
    await damage(...entries);
    expect(await claim(await openLog())).toMatchObject({ damaged: false, names });
  });

  test.each([
    ["that comes last", [4], "u1 u2 u3"],
    ["beside a damaged unit", [3, 4], "u1 u2"],
  ])("that may have been a unit or a claim counts as a unit (%s)", async (_, entries, names) => {
    await threeUnits();
    const log = await openLog();
    const { epoch } = await claim(log);
    await commit(log, epoch, "u4");
    await damage(...(entries.includes(3) ? entries : [5]));
    const next = await claim(await openLog());
    expect(next).toMatchObject({ damaged: true, names });
    expect(next.epoch).toBeGreaterThan(epoch);
  });

  test.each([[[5]], [[6]], [[5, 6]]])(
    "of the only snapshot leaves nothing to restore (entries %j)",
    async (entries) => {
      const epoch = await threeUnits();
      const log = await openLog();
      const owner = await claim(log);
      await commit(log, owner.epoch, "s3", CHUNK);
      await commit(log, owner.epoch, "s3", SNAPSHOT);
      await commit(log, owner.epoch, "u4");
      await closeLog();
      expect([...(await journalKinds(directory, 4, JOURNAL))]).toEqual([
        [5, "snapshot"],
        [6, "snapshot"],
        [7, "unit"],
      ]);
      await damage(...entries);
      const damagedLog = await openLog();
      // Nothing proves a position any more: retention must not go by the one of u4.
      expect((await damagedLog.status()).journals[0]?.positions).toEqual([]);
      const next = await claim(damagedLog);
      expect(next).toMatchObject({ damaged: true, names: "" });
      expect(next.epoch).toBeGreaterThan(epoch);
      await commit(damagedLog, next.epoch, "s0", SNAPSHOT);
      expect(await claim(await openLog())).toMatchObject({ damaged: false, names: "s0" });
    },
  );

  test("of the last snapshot's last chunk, the journal's last entry, leaves nothing to restore", async () => {
    await threeUnits();
    const log = await openLog();
    const { epoch } = await claim(log);
    await commit(log, epoch, "s3", SNAPSHOT);
    await commit(log, epoch, "t3", CHUNK);
    await commit(log, epoch, "t3", SNAPSHOT);
    await closeLog();
    const [, last] = [...(await journalKinds(directory, 4, JOURNAL)).keys()];
    await damage(last ?? 0);
    expect(await claim(await openLog())).toMatchObject({ damaged: true, names: "" });
  });

  test("that is gone altogether from a snapshot's beginning leaves nothing to restore", async () => {
    await threeUnits();
    const log = await openLog();
    const { epoch } = await claim(log);
    for (const fields of [CHUNK, SNAPSHOT]) await commit(log, epoch, "s3", fields);
    await closeLog();
    const [first] = [...(await journalKinds(directory, 4, JOURNAL)).keys()];
    await removeEntry(directory, JOURNAL, first ?? 0);
    expect(await claim(await openLog())).toMatchObject({ damaged: true, names: "" });
  });

  test("that may have been a claim does not let its epoch be given again", async () => {
    await threeUnits();
    const log = await openLog();
    await claim(log);
    const { epoch } = await claim(log);
    await damage(4, 5);
    expect((await claim(await openLog())).epoch).toBeGreaterThan(epoch);
  });

  test("everywhere lets the log start, and epochs still grow", async () => {
    const epoch = await threeUnits();
    await damage(0, 1, 2, 3);
    const next = await claim(await openLog());
    expect(next).toMatchObject({ damaged: true, names: "" });
    expect(next.epoch).toBeGreaterThan(epoch);
  });

  test("is kept in a file, counted and logged", async () => {
    await threeUnits();
    await damage(2);
    const errors: object[] = [];
    const metrics = createMetrics();
    const log = await openLog({ metrics, logger: { ...silentLogger, error: (fields) => void errors.push(fields) } });
    await claim(log);
    expect(errors).toEqual([{ ...JOURNAL, entry: 2 }]);
    expect(await readdir(join(directory, "quarantine"))).toEqual(["stage-main-0-2.entry"]);
    const counted = metrics.snapshot().find(({ name }) => name === "millrace_log_corrupt_entries_total");
    expect(counted?.value).toBe(1);
  });

  test("that comes about while the log is open takes the journal's position back with the claim", async () => {
    await threeUnits();
    await damageEntries(directory, JOURNAL, [2]);
    const log = opened;
    if (log === null) throw new Error("the log is closed");
    expect(await claim(log)).toMatchObject({ damaged: true, names: "u1" });
    expect((await log.status()).journals[0]?.positions).toEqual([at("telemetry", 0, 1)]);
  });

  test("takes the other journals nothing", async () => {
    await threeUnits();
    const other = { name: "stage:main", partition: 1 };
    const first = await openLog();
    const { epoch } = await first.claim(other);
    const entry = { kind: "unit", positions: [], nextTimer: null, body: Buffer.from("other") } as const;
    await first.commit({ journal: other, epoch, entry, outputs: [] });
    await damage(2);
    const restored = await (await openLog()).claim(other);
    expect(restored).toMatchObject({ damaged: false, entries: [{ kind: "unit" }] });
  });
});

describe("retention of a log whose journal is damaged", () => {
  test("keeps from the start on what the owner has to work again", async () => {
    let now = Date.now();
    const options = { clock: { now: () => now }, retentionMs: 1000, requiredJournals: ["stage:main"] };
    const first = await openLog(options);
    for (const name of ["r0", "r1", "r2"]) await first.append("telemetry", 0, [text(name)]);
    await threeUnits();
    await damage(2);
    now += 10_000;
    const log = await openLog(options);
    await log.append("telemetry", 1, [text("another")]);
    const start = async () => (await log.status()).partitions.find(({ partition }) => partition === 0)?.startOffset;
    await eventually("the first record gone", async () => (await start()) === 1);
    await log.append("telemetry", 1, [text("another")]);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await start()).toBe(1);
    const { epoch } = await claim(log);
    await commit(log, epoch, "s1", SNAPSHOT);
    await commit(log, epoch, "u3");
    await eventually("all of them gone", async () => (await start()) === 3);
  });
});

describe("a damaged directory of the last commit", () => {
  test("gives no offset again that a journal has passed", async () => {
    const first = await openLog();
    await first.append("telemetry", 0, [text("r0"), text("r1")]);
    await commit(first, (await claim(first)).epoch, "u2");
    await closeLog();
    await damageDirectories(directory);
    const log = await openLog();
    expect(await log.append("telemetry", 0, [text("new")])).toBe(2);
  });
});
