import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../core/logger.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createStagePause, type StagePause } from "../../runtime/stage-pause.ts";
import { HEADER } from "../../core/record.ts";
import { T0 } from "../support/counting-stage.ts";
import {
  appendMessages,
  eventually,
  expectedSources,
  processed,
  sources,
  stageOnLog,
} from "../support/stage-on-log.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";

const place = stageOnLog();
afterEach(() => place.dispose());

describe("a stage that is paused", () => {
  it("works everything once and in order, wherever in what it has read the pauses begin", async () => {
    const log = await place.openLog();
    await appendMessages(log, 0, 100);
    await place.run(log, { pause: pausedEvery(7) }).then((runner) => processed(runner, 200));
    expect(await sources(log)).toEqual(expectedSources(100));
  });

  it("is when most of its records die, says so, and goes on when they live again", async () => {
    const log = await place.openLog();
    let now = 0;
    const metrics = createMetrics();
    const pause = createStagePause({
      stage: "test",
      monotonic: { now: () => now },
      logger: silentLogger,
      metrics,
    });
    const gauge = () => metrics.snapshot().find(({ name }) => name === "millrace_stage_paused")?.value;
    await appendDeadly(log, LIMITS.breakerRecordsMin + 5);
    await appendMessages(log, 0, 20);
    const runner = await place.run(log, { pause });
    await worked(runner, LIMITS.breakerRecordsMin);
    // Time enough to work what is left, did it not wait.
    await delay(200);
    expect(offsets(runner)).toBe(LIMITS.breakerRecordsMin);
    expect(runner.notReadyReasons()).toEqual([expect.stringContaining("stage test is paused: 50 of its last 50")]);
    expect(gauge()).toBe(1);
    now = LIMITS.breakerPauseMsMin;
    await processed(runner, LIMITS.breakerRecordsMin + 5 + 40);
    expect(gauge()).toBe(0);
    expect(runner.notReadyReasons()).toEqual([]);
  });

  it("goes on without a pause up to a deploy, however far behind the records that die it lies", async () => {
    const log = await place.openLog();
    const pause = createStagePause({
      stage: "test",
      // Pauses do not end by themselves.
      monotonic: { now: () => 0 },
      logger: silentLogger,
      metrics: createMetrics(),
    });
    const deadly = LIMITS.breakerWindowRecords * 2;
    await appendDeadly(log, deadly);
    const runner = await place.run(log, { pause });
    await eventually(() => Promise.resolve(pause.reason !== null));
    await appendDeploy(log, "other");
    await delay(100);
    expect(offsets(runner)).toBe(LIMITS.breakerRecordsMin);
    await appendDeploy(log, "test");
    // Behind the repair: it pauses the stage again.
    await appendDeadly(log, LIMITS.breakerRecordsMin + 5);
    await worked(runner, deadly + 2);
    await eventually(() => Promise.resolve(pause.reason !== null));
    await delay(100);
    expect(offsets(runner)).toBe(deadly + 2 + LIMITS.breakerRecordsMin);
  });
});

/** A pause of a millisecond after every so many records. */
function pausedEvery(records: number): StagePause {
  let worked = 0;
  let until = 0;
  return {
    waitMs: () => Math.max(0, until - performance.now()),
    settled() {
      worked += 1;
      if (worked % records === 0) until = performance.now() + 1;
    },
    resume: () => undefined,
    reason: null,
  };
}

/** Of a function that there is not: it does nothing. */
async function appendDeploy(log: EmbeddedLog, stage: string): Promise<void> {
  const none = { name: "none", version: 1, code: "", hash: "" };
  const control = { v: 1, kind: "deploy", revision: 1, stage, removed: true, function: none };
  const value = Buffer.from(JSON.stringify(control));
  await log.append("telemetry", 0, [{ timestamp: T0, key: null, value, headers: [[HEADER.controlKind, "deploy"]] }]);
}

async function appendDeadly(log: EmbeddedLog, count: number): Promise<void> {
  const record = { timestamp: T0, key: "t/d", value: Buffer.from(JSON.stringify({ ts: T0, x: "boom" })), headers: [] };
  await log.append(
    "telemetry",
    0,
    Array.from({ length: count }, () => record),
  );
}

type Runner = Awaited<ReturnType<typeof place.run>>;

function offsets(runner: Runner): number {
  return runner.totals().partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
}

async function worked(runner: Runner, count: number): Promise<void> {
  while (offsets(runner) < count) await delay(5);
}
