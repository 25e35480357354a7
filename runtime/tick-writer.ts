import { untilAborted } from "../core/aborted.ts";
import { pause } from "../core/pause.ts";
import { LIMITS } from "../core/limits.ts";
import { HEADER } from "../core/record.ts";
import { stageJournalName } from "../core/stage.ts";
import { createOutage } from "./outage.ts";
import type { Clock } from "../core/clock.ts";
import type { ControlRecord } from "../core/control.ts";
import type { LogAppender, LogInspector, LogStatus, TopicPartition } from "../core/event-log.ts";
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

const TICK = { v: 1, kind: "tick" } satisfies ControlRecord;
const RESUMED = { ...TICK, resumed: true } satisfies ControlRecord;

/**
 * Appends ticks to partitions that have a due timer and no traffic, so that silent devices' windows close and alarms rise. A timer that is long
 * overdue says that nobody was there to hear the devices: their silence is then measured from now on. Where all partitions can be told before the
 * first device is heard again, as `start` does, no device is taken for silent because of it.
 */
export function createTickWriter(options: TickWriterOptions): Service {
  const { log, stages, clock, logger } = options;
  const outage = createOutage("ticks are not written", LIMITS.tickIntervalMs, logger);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const write = (place: TopicPartition, control: ControlRecord, now: number): Promise<number> =>
    log.append(place.topic, place.partition, [tickRecord(control, now)]);

  const round = async (): Promise<void> => {
    const now = clock.now();
    const status = await log.status();
    await Promise.all(
      stages(status).flatMap((stage) =>
        duePartitions(status, stage, now).map(({ partition, nextTimer }) =>
          write({ topic: stage.input, partition }, isAway(nextTimer, now) ? RESUMED : TICK, now),
        ),
      ),
    );
  };

  /** What waits unprocessed in a partition was received before: it does not matter that the record lies behind it. */
  const resume = async (): Promise<void> => {
    const now = clock.now();
    const status = await log.status();
    const all = stages(status);
    const overdue = all.flatMap((stage) => timersOf(status, stage).filter(({ nextTimer }) => isAway(nextTimer, now)));
    if (overdue.length === 0) return;
    const since = Math.min(...overdue.map(({ nextTimer }) => nextTimer));
    logger.info(
      { awaySeconds: Math.round((now - since) / 1000) },
      "nobody has listened to devices for a while: their silence is measured from now on",
    );
    const inputs = new Set<string>(all.map(({ input }) => input));
    const places = status.partitions.filter(({ topic, endOffset }) => inputs.has(topic) && endOffset > 0);
    await Promise.all(places.map((place) => write(place, RESUMED, now)));
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
    async start() {
      const resumed = resume().catch((error: unknown) => void outage.failed(error));
      running = resumed.then(loop);
      // A log that does not answer holds up nobody's start: the rounds then find what is overdue, partition by partition.
      await Promise.race([resumed, pause(LIMITS.resumeMsMax, stopping.signal)]);
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
    },
  };
}

interface StageTimer {
  readonly partition: number;
  /** Partition time at which it is due. */
  readonly nextTimer: number;
  /** In the stage's input, up to where it is processed; undefined before anything is. */
  readonly offset: number | undefined;
}

/** Partitions of the stage whose next timer is due at `now` and whose input is fully processed: nothing else will move their time. */
export function duePartitions(status: LogStatus, stage: StageDefinition, now: number): StageTimer[] {
  const ends = new Map(status.partitions.filter((p) => p.topic === stage.input).map((p) => [p.partition, p.endOffset]));
  return timersOf(status, stage).filter(
    ({ partition, nextTimer, offset }) => nextTimer <= now && offset !== undefined && offset === ends.get(partition),
  );
}

function timersOf({ journals }: LogStatus, { name, input }: StageDefinition): StageTimer[] {
  const journalName = stageJournalName(name);
  return journals.flatMap(({ name: journal, partition, nextTimer, positions }) => {
    if (journal !== journalName || nextTimer === null) return [];
    const offset = positions.find((place) => place.topic === input && place.partition === partition)?.offset;
    return [{ partition, nextTimer, offset }];
  });
}

/** Whoever writes ticks would have written one before that. */
function isAway(nextTimer: number, now: number): boolean {
  return now - nextTimer > LIMITS.absenceMsMin;
}

function tickRecord(control: ControlRecord, now: number): RecordInput {
  const value = new TextEncoder().encode(JSON.stringify(control));
  return { timestamp: now, key: null, value, headers: [[HEADER.controlKind, control.kind]] };
}
