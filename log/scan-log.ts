import { setImmediate as nextTurn } from "node:timers/promises";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { EventLog, TopicPartition, TopicPosition } from "../core/event-log.ts";
import type { LogRecord } from "../core/record.ts";

/** A range of one topic-partition: offsets [offset, end). */
export interface ScanRange extends TopicPosition {
  readonly end: number;
}

const STILL_MS = 10_000;

/**
 * Reads the ranges to their ends, calling `visit` for every record in them until it says true, and lets others have the thread before each poll:
 * one that finds something takes no turn of the event loop. `bytes`: about how many come with one poll. TIMED_OUT when the log stops serving.
 */
export async function scanLog(
  log: Pick<EventLog, "openReader">,
  ranges: readonly ScanRange[],
  visit: (record: LogRecord, where: TopicPartition) => boolean | undefined,
  bytes: number = LIMITS.scanBytesMax,
): Promise<void> {
  const open = new Map(
    ranges.filter((range) => range.offset < range.end).map((range) => [`${range.topic}/${range.partition}`, range]),
  );
  const reader = log.openReader([...open.values()]);
  try {
    while (open.size > 0) {
      await nextTurn();
      const slices = await reader.poll({ bytesMax: bytes, waitMs: STILL_MS });
      if (slices.length === 0)
        throw new MillraceError("TIMED_OUT", "the log did not serve records that it says it has");
      for (const slice of slices) {
        const id = `${slice.topic}/${slice.partition}`;
        const range = open.get(id);
        if (range === undefined) continue;
        for (const record of slice.records) if (record.offset < range.end && visit(record, slice) === true) return;
        if (slice.nextOffset >= range.end) open.delete(id);
      }
    }
  } finally {
    reader.close();
  }
}
