import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { allTexts, at, readPartition, readRecords, text } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";

let directory = "";
const opened: EmbeddedLog[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "millrace-embedded-"));
});

afterEach(async () => {
  for (const log of opened.splice(0)) await log.close(AbortSignal.timeout(5000));
  await rm(directory, { recursive: true, force: true });
});

async function openLog(options: Parameters<typeof openTestLog>[1] = {}): Promise<EmbeddedLog> {
  const log = await openTestLog(directory, options);
  opened.push(log);
  return log;
}

async function closeLog(log: EmbeddedLog): Promise<void> {
  opened.splice(opened.indexOf(log), 1);
  await log.close(AbortSignal.timeout(5000));
}

/** Flips a bit wherever the bytes of `marker` lie in the closed log's file. */
async function damage(marker: string | Buffer): Promise<void> {
  const file = join(directory, "log.mdb");
  const bytes = await readFile(file);
  for (let found = bytes.indexOf(marker); found >= 0; found = bytes.indexOf(marker, found + 1)) {
    bytes[found] = (bytes[found] ?? 0) ^ 1;
  }
  await writeFile(file, bytes);
}

describe("opening the embedded log", () => {
  test("with another number of partitions is refused, with what to do", async () => {
    await closeLog(await openLog());
    await expect(openLog({ partitionCount: 8 })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      remedy: expect.stringContaining("4"),
    });
    expect((await openLog()).partitionCount).toBe(4);
  });

  test("keeps the generation that it was made with, whatever later starts would give it", async () => {
    const first = await openLog({ generation: 3 });
    expect([first.generation, first.isNew]).toEqual([3, true]);
    await closeLog(first);
    const second = await openLog({ generation: 4 });
    expect([second.generation, second.connect().generation, second.isNew]).toEqual([3, 3, false]);
  });

  test("with a number of partitions that no log can have is refused", async () => {
    for (const partitionCount of [0, 1.5, LIMITS.partitionsMax + 1]) {
      await expect(openLog({ partitionCount })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    }
  });

  test("written by another release's format is refused", async () => {
    await closeLog(await openLog());
    const root = open<Buffer, string>({ path: join(directory, "log.mdb"), encoding: "binary", overlappingSync: false });
    const format = JSON.stringify({ version: 99, partitionCount: 4, topics: ["telemetry"] });
    await root.openDB<Buffer, string>("meta", { encoding: "binary" }).put("format", Buffer.from(format));
    await root.close();
    await expect(openLog()).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
  });

  test("of a file that is no log is refused", async () => {
    await writeFile(join(directory, "log.mdb"), Buffer.alloc(65_536, "no log"));
    await expect(openLog()).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
  });

  test("that was cut off serves what is left, and says that it was cut off", async () => {
    const first = await openLog();
    const value = new Uint8Array(100_000);
    for (let index = 0; index < 10; index++) await first.append("telemetry", 0, [{ ...text(""), value }]);
    const file = join(directory, "log.mdb");
    const bytes = await readFile(file);
    await closeLog(first);
    // The pages of the last records lie at the end; LMDB's trees are behind them, so those are kept.
    await writeFile(file, bytes.subarray(0, bytes.length - 1));
    const warnings: string[] = [];
    const log = await openLog({ logger: { ...silentLogger, warn: (_, warning) => void warnings.push(warning) } });
    expect(warnings).toEqual(["the file is shorter than it was"]);
    expect((await log.status()).partitions[0]?.endOffset).toBe(10);
  });

  test("where a file stands in the way says that the directory cannot be written", async () => {
    await writeFile(join(directory, "file"), "");
    await expect(openTestLog(join(directory, "file", "log"))).rejects.toMatchObject({
      code: "DATA_DIRECTORY_UNWRITABLE",
    });
  });
});

describe("the embedded log", () => {
  test("leaves the event loop free while a commit is being written", async () => {
    const log = await openLog();
    const value = new Uint8Array(LIMITS.recordBytesMax);
    const turnsOfACommit = async (): Promise<number> => {
      let turns = 0;
      let landed = false;
      const turn = (): void => {
        turns += 1;
        if (!landed) setImmediate(turn);
      };
      setImmediate(turn);
      await Promise.all([0, 1, 2, 3].map((partition) => log.append("telemetry", partition, [{ ...text(""), value }])));
      landed = true;
      return turns;
    };
    // A commit that blocks takes three turns, always; one that does not may, where other processes have the cores.
    let most = 0;
    for (let tries = 0; tries < 10 && most <= 10; tries += 1) most = Math.max(most, await turnsOfACommit());
    expect(most).toBeGreaterThan(10);
  });

  test("puts what comes while a commit is under way into one more", async () => {
    const metrics = createMetrics();
    const log = await openLog({ metrics });
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) => log.append("telemetry", index % 4, [text(`m${index}`)])),
    );
    const commits = metrics.snapshot().find(({ name }) => name === "millrace_log_commits_total");
    expect(commits?.value).toBeLessThanOrEqual(3);
  });

  test("refuses what passes its queue, and takes it again later", async () => {
    const log = await openLog();
    const value = new Uint8Array(LIMITS.recordBytesMax);
    const appends = Array.from({ length: 80 }, () => log.append("telemetry", 0, [{ ...text(""), value }]));
    const results = await Promise.allSettled(appends);
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refused.length).toBeGreaterThan(10);
    expect(refused[0]).toMatchObject({ code: "LOG_FULL" });
    expect(await log.append("telemetry", 0, [text("later")])).toBe(80 - refused.length);
  });

  test("refuses an append that is more than one group commit", async () => {
    const log = await openLog();
    const value = new Uint8Array(LIMITS.recordBytesMax);
    const records = Array.from({ length: 9 }, () => ({ ...text(""), value }));
    await expect(log.append("telemetry", 0, records)).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(await log.append("telemetry", 0, records.slice(2))).toBe(0);
  });

  test("takes a unit whose outputs are larger than one physical record", async () => {
    const log = await openLog();
    const journal = { name: "stage:main", partition: 0 };
    const { epoch } = await log.claim(journal);
    const records = Array.from({ length: 200 }, (_, index) => ({ ...text(`r${index} `.padEnd(100_000, "x")) }));
    const entry = { kind: "unit" as const, positions: [], nextTimer: null, body: new Uint8Array(5) };
    await log.commit({ journal, epoch, entry, outputs: [{ topic: "readings", partition: 1, records }] });
    const values = await readPartition(log, "readings", 1, 0);
    expect(values.map((value) => value.slice(0, value.indexOf(" ")))).toEqual(records.map((_, index) => `r${index}`));
  });

  test("fails what waits with LOG_CLOSED when closing is cut short, and everything afterwards", async () => {
    const log = await openLog();
    const reader = log.openReader([at("telemetry", 0, 0)]);
    const polled = reader.poll({ bytesMax: 1000, waitMs: 20_000 });
    opened.splice(0);
    await Promise.all([expect(polled).rejects.toMatchObject({ code: "LOG_CLOSED" }), log.close(AbortSignal.abort())]);
    await expect(log.append("telemetry", 0, [text("a")])).rejects.toMatchObject({ code: "LOG_CLOSED" });
  });

  test("lets what was asked for land before it closes", async () => {
    const log = await openLog();
    const appends = Array.from({ length: 50 }, (_, index) => log.append("telemetry", 0, [text(`m${index}`)]));
    await closeLog(log);
    expect(await Promise.all(appends)).toHaveLength(50);
    expect(await readPartition(await openLog(), "telemetry", 0, 0)).toHaveLength(50);
  });
});

describe("damage in the embedded log", () => {
  test("is kept in a file and logged once, however often it is read", async () => {
    const first = await openLog();
    await first.append("telemetry", 0, [text("marker-of-damage")]);
    await first.append("telemetry", 0, [text("good")]);
    await closeLog(first);
    await damage("marker-of-damage");
    const errors: object[] = [];
    const log = await openLog({ logger: { ...silentLogger, error: (fields) => void errors.push(fields) } });
    for (let round = 0; round < 3; round++) {
      expect(allTexts(await readRecords(log.openReader([at("telemetry", 0, 0)]), 1))).toEqual(["good"]);
    }
    expect(errors).toEqual([{ topic: "telemetry", partition: 0, fromOffset: 0, toOffset: 1 }]);
    expect(await readdir(join(directory, "quarantine"))).toEqual(["telemetry-0-0.batch"]);
  });

  test("of a commit's directory takes that commit's records, and nothing else", async () => {
    const first = await openLog();
    await Promise.all([
      first.append("telemetry", 0, [text("a1"), text("a2")]),
      first.append("telemetry", 1, [text("b1")]),
    ]);
    await first.append("telemetry", 0, [text("a3")]);
    await closeLog(first);
    // "MRC1", and the count of two batches behind the checksum, tell the first commit's header.
    const bytes = await readFile(join(directory, "log.mdb"));
    let header = bytes.indexOf("MRC1");
    while (header >= 0 && bytes.readUInt32LE(header + 8) !== 2) header = bytes.indexOf("MRC1", header + 1);
    await damage(bytes.subarray(header, header + 24));
    const log = await openLog();
    const slices = await readRecords(log.openReader([at("telemetry", 0, 0), at("telemetry", 1, 0)]), 1);
    expect(slices.map(({ corrupt, records }) => corrupt ?? records.length)).toEqual([
      { fromOffset: 0, toOffset: 2 },
      1,
    ]);
    expect(await log.append("telemetry", 1, [text("b2")])).toBe(1);
  });
});
