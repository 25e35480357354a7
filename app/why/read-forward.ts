import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { scanLog } from "../../log/scan-log.ts";
import type { EventLog, TopicPartition } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";

export type WhyLog = Pick<EventLog, "openReader" | "status" | "partitionCount">;

/** Offsets [start, end) of a partition that the log holds. */
export interface HeldRange extends TopicPartition {
  readonly start: number;
  readonly end: number;
}

/** How many records are read at most, and about how many bytes with one poll. */
interface ReadPace {
  readonly records: number;
  readonly bytes: number;
}

const ANY_RECORDS: ReadPace = { records: LIMITS.whyRecordsMax, bytes: LIMITS.scanBytesMax };
const ONE_RECORD: ReadPace = { records: 1, bytes: 1 };

export async function heldRange(log: WhyLog, topic: string, partition: number): Promise<HeldRange> {
  const { partitions } = await log.status();
  const known = partitions.find((one) => one.topic === topic && one.partition === partition);
  return { topic, partition, start: known?.startOffset ?? 0, end: known?.endOffset ?? 0 };
}

/**
 * Reads [from, to) in order until `visit` says true, as `scanLog` does. Returns how many records were read before. TIMED_OUT, LIMIT_EXCEEDED.
 */
export async function readForward(
  log: WhyLog,
  { topic, partition }: TopicPartition,
  { from, to }: { readonly from: number; readonly to: number },
  visit: (record: LogRecord) => boolean,
  pace = ANY_RECORDS,
): Promise<number> {
  let read = 0;
  await scanLog(
    log,
    [{ topic, partition, offset: from, end: to }],
    (record) => {
      if (visit(record)) return true;
      read += 1;
      if (read > pace.records) throw tooMuch(pace.records);
      return false;
    },
    pace.bytes,
  );
  return read;
}

function tooMuch(records: number): MillraceError {
  return new MillraceError("LIMIT_EXCEEDED", `more than ${records} records lie on the way`, {
    remedy: "Ask for a later output of the device, or a shorter window.",
  });
}

/**
 * The first offset of the range from which on all records were received at `time` or later, found by halving: receive times in a partition
 * only grow, but for the steps of a clock that was set back, for which the caller's margin must allow.
 */
export async function offsetAtTime(log: WhyLog, range: HeldRange, time: number): Promise<number> {
  let [low, high] = [range.start, range.end];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await firstFrom(log, range, middle);
    if (found === null || found.timestamp >= time) high = middle;
    else low = found.offset + 1;
  }
  return low;
}

/** The first record at `offset` or behind it; null when there is none, or `offset` lies before the range. */
export async function firstFrom(log: WhyLog, range: HeldRange, offset: number): Promise<LogRecord | null> {
  if (offset < range.start) return null;
  const first: LogRecord[] = [];
  await readForward(log, range, { from: offset, to: range.end }, (record) => first.push(record) > 0, ONE_RECORD);
  return first[0] ?? null;
}
