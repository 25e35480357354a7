import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { HEADER } from "../../core/record.ts";
import { compareSourcePositions, parseSourcePosition } from "../../core/source-position.ts";
import { openEmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";
import type { SourcePosition } from "../../core/source-position.ts";
import type { TopicName } from "../../core/topics.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";

const GIB = 1024 ** 3;

/** Opens a log directory that no instance uses, or makes a new one. Nothing in it is ever deleted. */
export function openLogDirectory(directory: string, partitionCount: number): Promise<EmbeddedLog> {
  return openEmbeddedLog({
    directory,
    partitionCount,
    generation: 1,
    bytesMax: 8 * GIB,
    retentionMs: Number.MAX_SAFE_INTEGER,
    requiredJournals: ["never"],
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
  });
}

export function openInstanceLog(data: string, partitionCount = 32): Promise<EmbeddedLog> {
  return openLogDirectory(join(data, "log"), partitionCount);
}

/** Hands out all records of a topic, partition by partition, each in offset order. */
export async function visitTopic(
  log: EventLog,
  topic: TopicName,
  visit: (record: LogRecord, partition: number) => void,
): Promise<void> {
  const { partitions } = await log.status();
  for (const { partition, startOffset, endOffset } of partitions.filter((one) => one.topic === topic)) {
    const reader = log.openReader([{ topic, partition, offset: startOffset }]);
    for (let next = startOffset; next < endOffset;) {
      const [slice] = await reader.poll({ bytesMax: 4 * 1024 * 1024, waitMs: 5000 });
      if (slice === undefined) throw new Error(`${topic}/${partition} ends before ${endOffset}`);
      if (slice.corrupt !== undefined) throw new Error(`${topic}/${partition} is damaged`);
      for (const record of slice.records) visit(record, partition);
      next = slice.nextOffset;
    }
    reader.close();
  }
}

/**
 * A derived topic as bytes: per partition the sequence of (key, headers, value, timestamp) after dropping source positions that are
 * not above the greatest before. Lengths stand before all parts, so that equal bytes mean equal records.
 */
export async function dumpTopic(log: EventLog, topic: TopicName): Promise<Map<number, Buffer[]>> {
  const dumps = new Map<number, Buffer[]>();
  const isNew = createSourceFilter();
  await visitTopic(log, topic, (record, partition) => {
    if (!isNew(record)) return;
    const dump = dumps.get(partition) ?? [];
    dump.push(recordBytes(record));
    dumps.set(partition, dump);
  });
  return dumps;
}

/** Records of a derived topic whose source position a record before them had, or one above it. */
export async function countRepeated(log: EventLog, topic: TopicName): Promise<number> {
  const isNew = createSourceFilter();
  let repeated = 0;
  await visitTopic(log, topic, (record) => {
    if (!isNew(record)) repeated += 1;
  });
  return repeated;
}

/** True for a record whose source position is above the greatest before: what readers of ours do not drop. */
export function createSourceFilter(): (record: LogRecord) => boolean {
  const marks = new Map<string, SourcePosition>();
  return (record) => {
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    if (source === null) throw new Error(`the derived record at offset ${record.offset} has no source position`);
    const lane = `${source.stage} ${source.topic} ${source.partition}`;
    const mark = marks.get(lane);
    if (mark !== undefined && compareSourcePositions(source, mark) <= 0) return false;
    marks.set(lane, source);
    return true;
  };
}

function recordBytes(record: LogRecord): Buffer {
  const head = JSON.stringify([record.key, record.headers(), record.timestamp]);
  return Buffer.concat([
    lengthOf(Buffer.byteLength(head)),
    Buffer.from(head),
    lengthOf(record.value.length),
    record.value,
  ]);
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return length;
}
