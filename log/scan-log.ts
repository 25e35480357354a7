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
 * Reads the ranges to their ends, calling `visit` for every record in them, and lets others have the thread in between: a poll that finds something
 * takes no turn of the event loop. TIMED_OUT when the log stops serving.
 */
export async function scanLog(
  log: Pick<EventLog, "openReader">,
  ranges: readonly ScanRange[],
  visit: (record: LogRecord, where: TopicPartition) => void,
): Promise<void> {
  const open = new Map(
    ranges.filter((range) => range.offset < range.end).map((range) => [`${range.topic}/${range.partition}`, range]),
  );
  const reader = log.openReader([...open.values()]);
  try {
    while (open.size > 0) {
      const slices = await reader.poll({ bytesMax: LIMITS.scanBytesMax, waitMs: STILL_MS });
      if (slices.length === 0)
        throw new MillraceError("TIMED_OUT", "the log did not serve records that it says it has");
      for (const slice of slices) {
        const id = `${slice.topic}/${slice.partition}`;
        const range = open.get(id);
        if (range === undefined) continue;
        for (const record of slice.records) if (record.offset < range.end) visit(record, slice);
        if (slice.nextOffset >= range.end) open.delete(id);
      }
      await nextTurn();
    }
  } finally {
    reader.close();
  }
}
