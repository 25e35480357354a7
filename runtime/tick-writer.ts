import { untilAborted } from "../core/aborted.ts";
import { pause } from "../core/pause.ts";
import { LIMITS } from "../core/limits.ts";
import { HEADER } from "../core/record.ts";
import { stageJournalName } from "../core/stage.ts";
import { createOutage } from "../core/outage.ts";
import type { Clock } from "../core/clock.ts";
import type { LogAppender, LogInspector, LogStatus } from "../core/event-log.ts";
import type { Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { RecordInput } from "../core/record.ts";
import type { StageDefinition } from "../core/stage.ts";

export interface TickWriterOptions {
  readonly log: LogAppender & LogInspector;
  /** Those that there are as of `status`. */
  readonly stages: (status: LogStatus) => readonly StageDefinition[];
  /** The receive clock: ticks carry receive times. */
  readonly clock: Clock;
  readonly logger: Logger;
}

const TICK = new TextEncoder().encode(JSON.stringify({ v: 1, kind: "tick" }));

/** Appends ticks to partitions that have a due timer and no traffic, so that silent devices' windows close and alarms rise. */
export function createTickWriter(options: TickWriterOptions): Service {
  const { log, stages, clock } = options;
  const outage = createOutage("ticks are not written", LIMITS.tickIntervalMs, options.logger);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const round = async (): Promise<void> => {
    const now = clock.now();
    const status = await log.status();
    const due = stages(status).flatMap((stage) =>
      duePartitions(status, stage, now).map((partition) => ({ topic: stage.input, partition })),
    );
    await Promise.all(due.map(({ topic, partition }) => log.append(topic, partition, [tickRecord(now)])));
  };

  const loop = async (): Promise<void> => {
    let pauseMs: number = LIMITS.tickIntervalMs;
    for (;;) {
      await pause(pauseMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await round();
        outage.succeeded();
        pauseMs = LIMITS.tickIntervalMs;
      } catch (error) {
        pauseMs = outage.failed(error);
      }
    }
  };

  return {
    start() {
      running = loop();
      return Promise.resolve();
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
    },
  };
}

/** Partitions of the stage whose next timer is due at `now` and whose input is fully processed: nothing else will move their time. */
export function duePartitions(status: LogStatus, stage: StageDefinition, now: number): number[] {
  const ends = new Map(status.partitions.filter((p) => p.topic === stage.input).map((p) => [p.partition, p.endOffset]));
  const name = stageJournalName(stage.name);
  return status.journals
    .filter((journal) => journal.name === name && journal.nextTimer !== null && journal.nextTimer <= now)
    .filter((journal) => journal.positions.some((p) => p.topic === stage.input && p.offset === ends.get(p.partition)))
    .map((journal) => journal.partition);
}

function tickRecord(now: number): RecordInput {
  return { timestamp: now, key: null, value: TICK, headers: [[HEADER.controlKind, "tick"]] };
}
