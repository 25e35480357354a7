import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import {
  appendMessages,
  eventually,
  expectedSources,
  PARTITIONS,
  processed,
  sources,
  stageOnLog,
} from "../support/stage-on-log.ts";
import type { EventLog } from "../../core/event-log.ts";

const stage = stageOnLog();
const { openLog, run } = stage;

afterEach(() => stage.dispose());

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
