import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { soleMember } from "../../core/consumer-group.ts";
import { MillraceError } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { HEADER } from "../../core/record.ts";
import { openEmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { countingStage, T0 } from "../support/counting-stage.ts";
import { temporaryDirectory } from "../support/instance.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { StageRunner } from "../../runtime/stage-runner.ts";

const PARTITIONS = 2;
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

describe("the stage runner on a real log", () => {
  it("makes one output for every record, in order, and says where it stands", async () => {
    const log = await openLog();
    const runner = await run(log);
    await appendMessages(log, 0, 50);
    await processed(runner, 100);
    expect(await sources(log)).toEqual(expectedSources(50));
    const status = await log.status();
    expect(status.journals.map(({ positions }) => positions[0]?.offset)).toEqual([50, 50]);
  });

  it("goes on after a restart where the last unit ended, with nothing lost and nothing twice", async () => {
    const log = await openLog();
    const first = await run(log);
    await appendMessages(log, 0, 30);
    await processed(first, 60);
    await first.stop(AbortSignal.timeout(1000));
    await appendMessages(log, 30, 50);
    const second = await run(log);
    await processed(second, 100);
    expect(await sources(log)).toEqual(expectedSources(50));
  });

  it("leaves no output behind when another owner has claimed its partitions", async () => {
    const log = await openLog();
    const fenced = await run(log);
    await appendMessages(log, 0, 10);
    await processed(fenced, 20);
    // The newcomer fences the first; the first claims again when its commit fails, and so on: whoever commits, no source repeats.
    const newcomer = await run(log);
    await appendMessages(log, 10, 40);
    await eventually(async () => (await sources(log)).length >= 80);
    await Promise.all([fenced.stop(AbortSignal.timeout(1000)), newcomer.stop(AbortSignal.timeout(1000))]);
    expect(await sources(log)).toEqual(expectedSources(40));
  });

  it("restores and repeats the work when the log refuses units for a while", async () => {
    const log = await openLog();
    let refusals = 6;
    const refusing = withCommit(log, (request) =>
      refusals-- > 0 ? Promise.reject(new MillraceError("LOG_FULL", "no room")) : log.commit(request),
    );
    const runner = await run(refusing);
    await appendMessages(log, 0, 25);
    await eventually(async () => (await sources(log)).length >= 50);
    expect(refusals).toBeLessThanOrEqual(0);
    expect(await sources(log)).toEqual(expectedSources(25));
    expect(runner.notReadyReasons()).toEqual([]);
  });

  it("restores at once when a commit fails, however long it would have waited for more records", async () => {
    const log = await openLog();
    const claimed: number[] = [];
    const counting: EventLog = { ...log, claim: (journal) => (claimed.push(performance.now()), log.claim(journal)) };
    let failedAt = 0;
    const failing = withCommit(counting, async (request) => {
      if (failedAt > 0) return log.commit(request);
      // Long enough for the loop to have begun to wait for more.
      await delay(100);
      failedAt = performance.now();
      throw new MillraceError("LOG_IO", "once");
    });
    await run(failing);
    await appendMessages(log, 0, 1);
    await eventually(async () => claimed.length > PARTITIONS);
    expect((claimed[PARTITIONS] ?? Infinity) - failedAt).toBeLessThan(500);
  });

  it("ends and says so when what fails fails again however often the partition is restored", async () => {
    const log = await openLog();
    let commits = 0;
    const refusing = withCommit(log, () => {
      commits += 1;
      return Promise.reject(new MillraceError("PAYLOAD_TOO_LARGE", "too large"));
    });
    const runner = await run(refusing);
    await appendMessages(log, 0, 1);
    await eventually(async () => runner.notReadyReasons().length > 0);
    expect(runner.notReadyReasons()).toEqual(["stage test stopped: too large"]);
    const before = commits;
    await delay(500);
    expect(commits).toBe(before);
  });

  it("waits longer and longer between restores of which nothing comes", async () => {
    const log = await openLog();
    let restores = 0;
    const counting: EventLog = { ...log, claim: (journal) => ((restores += 1), log.claim(journal)) };
    const refusing = withCommit(counting, () => Promise.reject(new MillraceError("LOG_FULL", "no room")));
    await run(refusing);
    await appendMessages(log, 0, 1);
    await delay(3000);
    // Without a pause there would be hundreds.
    expect(restores).toBeGreaterThan(PARTITIONS);
    expect(restores).toBeLessThan(16);
  });

  it("lets go of a commit that hangs when it has to stop", async () => {
    const log = await openLog();
    let commits = 0;
    const hanging = withCommit(log, () => new Promise(() => (commits += 1)));
    const runner = await run(hanging);
    await appendMessages(log, 0, 1);
    await eventually(async () => commits > 0);
    const startedAt = performance.now();
    await runner.stop(AbortSignal.timeout(100));
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

/** The log with another way to commit. */
function withCommit(log: EventLog, commit: EventLog["commit"]): EventLog {
  return { ...log, commit };
}

async function openLog(): Promise<EmbeddedLog> {
  const directory = temporaryDirectory();
  cleanups.push(() => directory.dispose());
  const log = await openEmbeddedLog({
    directory: directory.path,
    partitionCount: PARTITIONS,
    generation: 1,
    bytesMax: 256 * 1024 * 1024,
    retentionMs: 3_600_000,
    requiredJournals: [],
    clock: { now: () => T0 },
    logger: silentLogger,
    metrics: createMetrics(),
  });
  cleanups.push(() => log.close(AbortSignal.timeout(1000)));
  return log;
}

async function run(log: EventLog): Promise<StageRunner> {
  const runner = createStageRunner({
    log,
    stage: countingStage,
    groups: soleMember([0, 1]),
    generation: 0,
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics: createMetrics(),
  });
  await runner.start();
  cleanups.push(() => runner.stop(AbortSignal.timeout(1000)));
  return runner;
}

/** Messages number `from` to `to` in both partitions, a second of event time apart. */
async function appendMessages(log: EventLog, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    const value = Buffer.from(JSON.stringify({ ts: T0 + n * 1000, x: n }));
    const record: RecordInput = { timestamp: T0 + n * 1000, key: "t/d", value, headers: [] };
    await Promise.all([log.append("telemetry", 0, [record]), log.append("telemetry", 1, [record])]);
  }
}

/** Waits until the runner has committed this many records of both partitions. */
async function processed(runner: StageRunner, count: number): Promise<void> {
  await eventually(async () => {
    const { partitions, quiet } = runner.totals();
    return quiet && partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0) === count;
  });
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("it did not happen within 20 s");
    await delay(20);
  }
}

/** `partition:offset` of the input of every record in `readings`, in order per partition. */
async function sources(log: EventLog): Promise<string[]> {
  const reader = log.openReader([0, 1].map((partition) => ({ topic: "readings", partition, offset: 0 })));
  const found: string[][] = [[], []];
  for (;;) {
    const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 0 });
    if (slices.length === 0) break;
    for (const { partition, records } of slices) {
      for (const record of records)
        found[partition]?.push(`${partition}:${record.header(HEADER.source)?.split(" ")[4] ?? ""}`);
    }
  }
  reader.close();
  return found.flat();
}

function expectedSources(count: number): string[] {
  return [0, 1].flatMap((partition) => Array.from({ length: count }, (_, offset) => `${partition}:${offset}`));
}
