import { createHash } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { isControlRecord, type LogRecord } from "../../core/record.ts";
import type { EventLog } from "../../core/event-log.ts";

export interface TopicDigest {
  readonly topic: string;
  /** Messages and derived records; control records are left out of the count, and ticks of the digest too. */
  readonly records: number;
  /** SHA-256 over the partitions' records in order: offset, timestamp, key, headers and value. */
  readonly sha256: string;
}

const STILL_MS = 30_000;
const TICK = "tick";

/**
 * What a log holds, topic by topic, read from the log itself. Two logs with equal digests hold the same records at the same offsets. Ticks are left
 * out, since a move puts some where records are damaged.
 */
export async function digestLog(log: Pick<EventLog, "openReader" | "status">): Promise<readonly TopicDigest[]> {
  const { partitions } = await log.status();
  const parts = new Map(
    partitions.map((one) => [`${one.topic}/${one.partition}`, { ...one, hash: createHash("sha256"), records: 0 }]),
  );
  const open = new Set([...parts].filter(([, one]) => one.startOffset < one.endOffset).map(([id]) => id));
  const reader = log.openReader(
    [...open].flatMap((id) => {
      const part = parts.get(id);
      return part === undefined ? [] : [{ topic: part.topic, partition: part.partition, offset: part.startOffset }];
    }),
  );
  try {
    while (open.size > 0) {
      const slices = await reader.poll({ bytesMax: LIMITS.fetchBytesMax, waitMs: STILL_MS });
      if (slices.length === 0) throw new MillraceError("LOG_IO", "the log does not serve records that it says it has");
      for (const { topic, partition, records, nextOffset } of slices) {
        const id = `${topic}/${partition}`;
        const part = parts.get(id);
        if (part === undefined) continue;
        for (const record of records) part.records += addRecord(part.hash, record);
        if (nextOffset >= part.endOffset) open.delete(id);
      }
    }
  } finally {
    reader.close();
  }
  return [...Map.groupBy(parts.values(), ({ topic }) => topic)].map(([topic, own]) => {
    const whole = createHash("sha256");
    for (const { hash } of own) whole.update(hash.digest());
    return { topic, records: own.reduce((sum, one) => sum + one.records, 0), sha256: whole.digest("hex") };
  });
}

function addRecord(hash: ReturnType<typeof createHash>, record: LogRecord): number {
  const headers = record.headers();
  const isControl = isControlRecord(record);
  if (isControl && headers.some(([, value]) => value === TICK)) return 0;
  const { offset, timestamp, key, value } = record;
  hash.update(JSON.stringify([offset, timestamp, key, headers, value.length]));
  hash.update(value);
  return isControl ? 0 : 1;
}
