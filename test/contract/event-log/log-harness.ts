import type { EventLog, FetchedSlice, LogIntakes, LogReader, TopicPosition } from "../../../core/event-log.ts";
import type { LogRecord, RecordInput } from "../../../core/record.ts";

/** How the contract suite gets at an engine. Nothing here knows which one. */
export interface LogHarness {
  /** A new, empty log. Every log that was opened is disposed of by the test. */
  open(settings: LogSettings): Promise<LogUnderTest>;
}

export interface LogSettings {
  readonly partitionCount: number;
  readonly bytesMax?: number;
  readonly retentionMs?: number;
  readonly requiredJournals?: readonly string[];
  readonly isOnceBegun?: (journal: string) => boolean;
}

export interface LogUnderTest {
  readonly log: EventLog;
  /** The log as the gateway has it: in the writer's thread, where there is one. */
  readonly gateway: EventLog & LogIntakes;
  /** Stops the log in order and opens it again: `log` is then the new one. */
  reopen(): Promise<void>;
  /** Loses the log as a crash would, when nothing is under way, and opens what is on the disk: `log` is then the new one. */
  crash(): Promise<void>;
  /** Stops the log, flips one byte of the stored record whose value is `value`, opens it again. */
  damage(value: string): Promise<void>;
  /** Flips that byte while the log is open. */
  damageOpen(value: string): Promise<void>;
  /** Moves the log's clock on. What retention then may delete is gone soon afterwards, not at once. */
  passTime(ms: number): void;
  dispose(): Promise<void>;
}

export function text(value: string, key: string | null = "acme/pump-1", timestamp = 1_700_000_000_000): RecordInput {
  return { timestamp, key, value: new TextEncoder().encode(value), headers: [["client", "c1"]] };
}

export function texts(records: readonly LogRecord[]): string[] {
  return records.map((record) => new TextDecoder().decode(record.value));
}

export function allTexts(slices: readonly FetchedSlice[]): string[] {
  return slices.flatMap((slice) => texts(slice.records));
}

export function at(topic: string, partition: number, offset: number): TopicPosition {
  return { topic, partition, offset };
}

/** Polls until `count` records came, or nothing comes any more. */
export async function readRecords(reader: LogReader, count: number): Promise<FetchedSlice[]> {
  const slices: FetchedSlice[] = [];
  let records = 0;
  while (records < count) {
    const more = await reader.poll({ bytesMax: 1 << 20, waitMs: 2000 });
    if (more.length === 0) break;
    slices.push(...more);
    records += more.reduce((sum, slice) => sum + slice.records.length, 0);
  }
  return slices;
}

/** The values of one partition from `offset` on. */
export async function readPartition(
  log: EventLog,
  topic: string,
  partition: number,
  offset: number,
): Promise<string[]> {
  const reader = log.openReader([at(topic, partition, offset)]);
  const { partitions } = await log.status();
  const end = partitions.find((one) => one.topic === topic && one.partition === partition)?.endOffset ?? 0;
  const slices = await readRecords(reader, end - offset);
  reader.close();
  return allTexts(slices);
}

/** Repeats `look` until it gives something, for as long as `withinMs`. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 45_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`never saw ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
