import { createHash } from "node:crypto";
import { isControlRecord, type LogRecord } from "../../core/record.ts";
import { scanLog } from "../scan-log.ts";
import type { EventLog } from "../../core/event-log.ts";

export interface TopicDigest {
  readonly topic: string;
  /** Messages and derived records; control records are left out of the count, and ticks of the digest too. */
  readonly records: number;
  /** SHA-256 over the partitions' records in order: offset, timestamp, key, headers and value. */
  readonly sha256: string;
}

const TICK = "tick";

/**
 * What a log holds, topic by topic, read from the log itself. Two logs with equal digests hold the same records at the same offsets. Ticks are left
 * out, since a move puts some where records are damaged.
 */
export async function digestLog(log: Pick<EventLog, "openReader" | "status">): Promise<readonly TopicDigest[]> {
  const { partitions } = await log.status();
  const parts = partitions.map((one) => ({ ...one, hash: createHash("sha256"), records: 0 }));
  const byId = new Map(parts.map((part) => [`${part.topic}/${part.partition}`, part]));
  const ranges = partitions.map(({ topic, partition, startOffset: offset, endOffset: end }) => {
    return { topic, partition, offset, end };
  });
  await scanLog(log, ranges, (record, { topic, partition }) => {
    const part = byId.get(`${topic}/${partition}`);
    if (part !== undefined) part.records += addRecord(part.hash, record);
  });
  return [...Map.groupBy(parts, ({ topic }) => topic)].map(([topic, own]) => {
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
