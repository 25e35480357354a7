import { setImmediate as turn } from "node:timers/promises";
import { isMillraceError } from "../core/errors.ts";
import type { EventLog, FetchedSlice, LogReader, TopicPosition } from "../core/event-log.ts";
import type { Logger } from "../core/logger.ts";
import { pause } from "../core/pause.ts";
import { fitPositions } from "../engine/fit-positions.ts";

export interface FollowOptions {
  readonly log: Pick<EventLog, "openReader" | "status">;
  readonly from: readonly TopicPosition[];
  /** Ends there; without it the reader follows the log for ever. */
  readonly until?: readonly TopicPosition[];
  readonly bytesMax: number;
  /** Rests this many times as long as a batch took: for reading beside the log's real work. */
  readonly restFactor: number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The records are those of one poll: what is to be kept of them is copied. */
  onSlice(slice: FetchedSlice): void;
  onBatch(): void;
  /** Null: all is well. Called on each change. */
  onTrouble(reason: string | null): void;
}

const WAIT_MS = 1000;
const SCAN_WAIT_MS = 100;
/** A scan that gets nothing this often in a row ends: what it waits for has gone. */
const EMPTY_POLLS = 10;
const RETRY_MS = 1000;

/** Where the reading stands. */
interface Following {
  readonly reader: LogReader;
  readonly positions: Map<string, TopicPosition>;
  /** The last poll has failed. Before the next one the positions are sought: it may have passed what it did not give, and retention may have passed them. */
  mustSeek: boolean;
}

/**
 * Reads slices until the signal or the end. The dashboard is a view: what retention took is skipped, and failures of the log are waited
 * out. Only a programmer's error rejects.
 */
export async function followLog(options: FollowOptions): Promise<void> {
  const { log, signal } = options;
  const positions = new Map(options.from.map((position) => [name(position), position]));
  if (positions.size === 0) return;
  const following: Following = {
    reader: log.openReader(options.from, { untilNextPoll: true }),
    positions,
    mustSeek: false,
  };
  let emptyPolls = 0;
  try {
    while (!signal.aborted && !isDone(positions, options.until)) {
      if (options.until !== undefined && emptyPolls >= EMPTY_POLLS) break;
      const startedAt = performance.now();
      const slices = await pollOrRecover(following, options);
      for (const slice of slices) {
        positions.set(name(slice), { topic: slice.topic, partition: slice.partition, offset: slice.nextOffset });
        options.onSlice(slice);
      }
      emptyPolls = slices.length === 0 ? emptyPolls + 1 : 0;
      if (slices.length > 0) options.onBatch();
      await rest((performance.now() - startedAt) * options.restFactor, signal);
    }
  } finally {
    following.reader.close();
  }
}

async function pollOrRecover(following: Following, options: FollowOptions): Promise<readonly FetchedSlice[]> {
  const { signal, logger } = options;
  try {
    if (following.mustSeek) await seekIntoRange(following, options);
    const slices = await following.reader.poll({
      bytesMax: options.bytesMax,
      waitMs: options.until === undefined ? WAIT_MS : SCAN_WAIT_MS,
      signal,
    });
    following.mustSeek = false;
    options.onTrouble(null);
    return slices;
  } catch (error) {
    if (signal.aborted) return [];
    if (!isMillraceError(error)) throw error;
    const wasSought = following.mustSeek;
    following.mustSeek = true;
    if (error.code === "OFFSET_OUT_OF_RANGE" && !wasSought) {
      logger.warn({ err: error.message }, "The dashboard fell behind retention and goes on with the oldest records.");
      return [];
    }
    options.onTrouble(`cannot read the log: ${error.message}`);
    logger.warn({ err: error.message }, "The dashboard cannot read the log and tries again.");
    await rest(RETRY_MS, signal);
    return [];
  }
}

async function seekIntoRange(following: Following, { log }: FollowOptions): Promise<void> {
  const { positions, reader } = following;
  const { partitions } = await log.status();
  const followed = partitions.filter((partition) => positions.has(name(partition)));
  for (const fitted of fitPositions([...positions.values()], followed).positions) positions.set(name(fitted), fitted);
  reader.seek([...positions.values()]);
}

function isDone(positions: ReadonlyMap<string, TopicPosition>, until: readonly TopicPosition[] | undefined): boolean {
  return until?.every((end) => (positions.get(name(end))?.offset ?? end.offset) >= end.offset) ?? false;
}

/** At least one turn of the event loop, so that a long backlog never holds up the sockets. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await pause(Math.min(ms, RETRY_MS), signal);
  else await turn();
}

function name({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
