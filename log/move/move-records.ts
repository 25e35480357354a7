import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { HEADER } from "../../core/record.ts";
import { batchesOf } from "../kafka/kafka-journals.ts";
import type {
  EventLog,
  FetchedSlice,
  LogStatus,
  PartitionStatus,
  TopicPartition,
  TopicPosition,
} from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { MoveTarget } from "./move-target.ts";

/** Records that fill the place of deleted ones, and are deleted themselves before anybody reads them. */
const FILLERS_PER_APPEND = 10_000;
const FILLER: RecordInput = { timestamp: 0, key: null, value: new Uint8Array(0), headers: [] };
const TICK = new TextEncoder().encode('{"v":1,"kind":"tick"}');
const STILL_MS = 30_000;

export interface MoveRecordsOptions {
  readonly source: Pick<EventLog, "openReader" | "status">;
  readonly target: MoveTarget;
  /** Records of all topics so far, those that were there already included. */
  readonly onProgress: (records: number) => void;
}

/**
 * Brings the records of all topics to the target, where each has the offset that it had: source positions, journals and what is stored of
 * them stay true. Where records are missing, something stands in their place: nothing of them is kept where retention has deleted, and ticks
 * that change nothing where they are damaged. A move that was broken off goes on. DATA_DAMAGED when a consumer has still to read damaged
 * records; CONFIG_INVALID when the target holds more than the source.
 */
export async function moveRecords({ source, target, onProgress }: MoveRecordsOptions): Promise<void> {
  const status = await source.status();
  const present = new Map((await target.status()).partitions.map((one) => [idOf(one), one]));
  const readOn: TopicPosition[] = [];
  let moved = 0;
  for (const partition of status.partitions) {
    const { topic, startOffset, endOffset } = partition;
    const end = present.get(idOf(partition))?.endOffset ?? 0;
    if (end > endOffset) throw heldByOthers(partition, end);
    const from = Math.max(end, startOffset);
    await fill(target, partition, from - end);
    moved += from - startOffset;
    if (from < endOffset) readOn.push({ topic, partition: partition.partition, offset: from });
  }
  onProgress(moved);
  await copy({ source, target, onProgress: (records) => onProgress(moved + records) }, status, readOn);
  await target.deleteBefore(startsOf(status.partitions));
}

/** Where partitions of which something was deleted begin. */
export function startsOf(partitions: readonly PartitionStatus[]): TopicPosition[] {
  return partitions.flatMap(({ topic, partition, startOffset: offset }) =>
    offset === 0 ? [] : [{ topic, partition, offset }],
  );
}

async function fill(target: MoveTarget, { topic, partition }: TopicPartition, count: number): Promise<void> {
  for (let left = count; left > 0; left -= FILLERS_PER_APPEND) {
    await target.append(topic, partition, Array<RecordInput>(Math.min(left, FILLERS_PER_APPEND)).fill(FILLER));
  }
}

async function copy(
  { source, target, onProgress }: MoveRecordsOptions,
  { partitions, journals }: LogStatus,
  positions: readonly TopicPosition[],
): Promise<void> {
  const open = new Map(partitions.map((one) => [idOf(one), one.endOffset]));
  const next = new Map(positions.map((one) => [idOf(one), one.offset]));
  const read = readBy(journals.flatMap((journal) => journal.positions));
  const reader = source.openReader(positions);
  let records = 0;
  try {
    while (next.size > 0) {
      const slices = await reader.poll({ bytesMax: LIMITS.fetchBytesMax, waitMs: STILL_MS });
      if (slices.length === 0) throw new MillraceError("LOG_IO", "the log does not serve records that it says it has");
      for (const slice of slices) refuseUnreadDamage(slice, read(slice));
      const appends: Promise<void>[] = [];
      // Several may be of one partition.
      for (const slice of slices) {
        const id = idOf(slice);
        const from = next.get(id) ?? slice.nextOffset;
        appends.push(append(target, slice, from));
        records += slice.nextOffset - from;
        if (slice.nextOffset < (open.get(id) ?? 0)) next.set(id, slice.nextOffset);
        else next.delete(id);
      }
      await Promise.all(appends);
      onProgress(records);
    }
  } finally {
    reader.close();
  }
}

async function append(target: MoveTarget, { topic, partition, ...slice }: FetchedSlice, from: number): Promise<void> {
  const records = withoutGaps(slice, from);
  await Promise.all(batchesOf(records).map((batch) => target.append(topic, partition, batch.records)));
}

/** One record for each offset from `from` on. */
function withoutGaps(
  { records, nextOffset }: Pick<FetchedSlice, "records" | "nextOffset">,
  from: number,
): RecordInput[] {
  const all: RecordInput[] = [];
  let timestamp = 0;
  const fillUpTo = (offset: number): void => {
    while (from + all.length < offset) {
      all.push({ timestamp, key: null, value: TICK, headers: [[HEADER.controlKind, "tick"]] });
    }
  };
  for (const record of records) {
    if (record.offset < from) continue;
    fillUpTo(record.offset);
    all.push({ timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers() });
    timestamp = record.timestamp;
  }
  fillUpTo(nextOffset);
  return all;
}

/** Up to where every consumer of a topic-partition has come; infinite where there is none. */
function readBy(positions: readonly TopicPosition[]): (where: TopicPartition) => number {
  const least = new Map<string, number>();
  const topics = new Set(positions.map(({ topic }) => topic));
  for (const position of positions) {
    const id = idOf(position);
    least.set(id, Math.min(least.get(id) ?? Number.POSITIVE_INFINITY, position.offset));
  }
  return (where) => least.get(idOf(where)) ?? (topics.has(where.topic) ? 0 : Number.POSITIVE_INFINITY);
}

function refuseUnreadDamage({ topic, partition, corrupt }: FetchedSlice, read: number): void {
  if (corrupt === undefined || corrupt.toOffset <= read) return;
  const text = `offsets ${corrupt.fromOffset} to ${corrupt.toOffset - 1} of ${topic}/${partition} are damaged, and not all who read them have counted them yet`;
  throw new MillraceError("DATA_DAMAGED", text, {
    remedy: "Start Millrace once more on this data directory, wait until nothing lags, and stop it.",
  });
}

function heldByOthers({ topic, partition, endOffset }: PartitionStatus, end: number): MillraceError {
  const text = `${topic}/${partition} holds ${end} records on Kafka, and ${endOffset} here: somebody else has written there`;
  return new MillraceError("CONFIG_INVALID", text, { remedy: "Set MILLRACE_KAFKA_PREFIX to a name without topics." });
}

function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
