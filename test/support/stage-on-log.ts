import { setTimeout as delay } from "node:timers/promises";
import { soleMember, type ConsumerGroups } from "../../core/consumer-group.ts";
import { silentLogger, type Logger } from "../../core/logger.ts";
import { createMetrics, type Metrics } from "../../core/metrics.ts";
import { HEADER } from "../../core/record.ts";
import { openEmbeddedLog, type EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import { createStageRunner, type StageRunner } from "../../runtime/stage-runner.ts";
import { countingStage, T0 } from "./counting-stage.ts";
import { temporaryDirectory } from "./instance.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { StagePause } from "../../runtime/stage-pause.ts";

/** Partitions of the log. */
export const PARTITIONS = 2;

interface StageRunOptions {
  readonly groups?: ConsumerGroups;
  readonly metrics?: Metrics;
  readonly stage?: StageDefinition;
  readonly pause?: StagePause;
  readonly logger?: Logger;
  readonly onEnd?: (error: unknown) => void;
}

export interface StageOnLog {
  /** An embedded log of its own. */
  openLog(): Promise<EmbeddedLog>;
  /** Runs the counting stage; with all partitions unless a group deals them out. */
  run(log: EventLog, options?: StageRunOptions): Promise<StageRunner>;
  /** Stops what was started, the last first. */
  dispose(): Promise<void>;
}

export function stageOnLog(): StageOnLog {
  const cleanups: (() => Promise<void> | void)[] = [];
  return {
    async openLog() {
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
    },
    async run(log, options = {}) {
      const { groups = soleMember([0, 1]), metrics = createMetrics(), stage = countingStage } = options;
      const { logger = silentLogger, ...more } = options;
      const runner = createStageRunner({
        log,
        ...more,
        stage,
        groups,
        generation: 0,
        monotonic: { now: () => performance.now() },
        logger,
        metrics,
      });
      await runner.start();
      cleanups.push(() => runner.stop(AbortSignal.timeout(1000)));
      return runner;
    },
    async dispose() {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    },
  };
}

/** Messages number `from` to `to` in both partitions, a second of event time apart. */
export async function appendMessages(log: EventLog, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    const value = Buffer.from(JSON.stringify({ ts: T0 + n * 1000, x: n }));
    const record: RecordInput = { timestamp: T0 + n * 1000, key: "t/d", value, headers: [] };
    await Promise.all([log.append("telemetry", 0, [record]), log.append("telemetry", 1, [record])]);
  }
}

/** Waits until the runner has committed this many records of both partitions. */
export async function processed(runner: StageRunner, count: number): Promise<void> {
  await eventually(async () => {
    const { partitions, quiet } = runner.totals();
    return quiet && partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0) === count;
  });
}

export async function eventually(condition: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it did not happen within ${withinMs} ms`);
    await delay(20);
  }
}

/** `partition:offset` of the input of every record in `readings`, in order per partition. */
export async function sources(log: EventLog): Promise<string[]> {
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

export function expectedSources(count: number): string[] {
  return [0, 1].flatMap((partition) => Array.from({ length: count }, (_, offset) => `${partition}:${offset}`));
}
