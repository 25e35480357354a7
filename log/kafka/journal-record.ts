import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import type { JournalEntry, TopicPosition } from "../../core/event-log.ts";
import type { Header, LogRecord, RecordInput } from "../../core/record.ts";

/** Headers of a journal's records. The value is the consumer's own bytes; a claim has none. */
export const JOURNAL_HEADER = {
  /** `claim`, `unit`, `snapshot` or `verdict`. */
  kind: "kind",
  /** Offset of the claim under which the entry was written; absent on claims. */
  epoch: "epoch",
  /** Counts the entries of an epoch, from 0: one that is missing ends what counts. */
  number: "n",
  /** Positions after the entry: JSON, `[[topic, partition, offset], …]`. */
  positions: "pos",
  /** Next receive time at which a timer is due, UTC ms; absent when none is. */
  nextTimer: "timer",
  /** On snapshots: `1` on the last chunk. */
  complete: "complete",
} as const;

export interface StoredEntry {
  readonly offset: number;
  readonly epoch: number;
  readonly number: number;
  readonly entry: JournalEntry;
}

export type StoredJournalRecord = StoredEntry | { readonly offset: number; readonly claim: true };

const positionsSchema = z.array(z.tuple([z.string(), z.int().min(0), z.int().min(0)]));
const KINDS = ["unit", "snapshot", "verdict"] as const;
const kindSchema = z.enum(KINDS);
const countSchema = z.coerce.number<string>().int().min(0);

export function claimRecord(timestamp: number): RecordInput {
  return { timestamp, key: null, value: new Uint8Array(0), headers: [[JOURNAL_HEADER.kind, "claim"]] };
}

export function entryRecord(
  entry: JournalEntry,
  { epoch, number, timestamp }: { readonly epoch: number; readonly number: number; readonly timestamp: number },
): RecordInput {
  const positions = entry.positions.map(({ topic, partition, offset }) => [topic, partition, offset]);
  const headers: Header[] = [
    [JOURNAL_HEADER.kind, entry.kind],
    [JOURNAL_HEADER.epoch, String(epoch)],
    [JOURNAL_HEADER.number, String(number)],
    [JOURNAL_HEADER.positions, JSON.stringify(positions)],
  ];
  if (entry.nextTimer !== null) headers.push([JOURNAL_HEADER.nextTimer, String(entry.nextTimer)]);
  if (entry.complete === true) headers.push([JOURNAL_HEADER.complete, "1"]);
  return { timestamp, key: null, value: entry.body, headers };
}

/** BATCH_CORRUPT for what is not a journal's record; DATA_FORMAT_UNSUPPORTED for an entry of a kind that is not known. */
export function readJournalRecord(record: LogRecord): StoredJournalRecord {
  const { offset } = record;
  const kindText = record.header(JOURNAL_HEADER.kind);
  if (kindText === "claim") return { offset, claim: true };
  if (kindText !== undefined && !kindSchema.safeParse(kindText).success) throw ofNewerRelease(offset, kindText);
  try {
    const kind = kindSchema.parse(kindText);
    const timer = record.header(JOURNAL_HEADER.nextTimer);
    const entry: JournalEntry = {
      kind,
      positions: readPositions(record.header(JOURNAL_HEADER.positions) ?? ""),
      nextTimer: timer === undefined ? null : z.coerce.number<string>().parse(timer),
      ...(kind === "snapshot" ? { complete: record.header(JOURNAL_HEADER.complete) === "1" } : {}),
      body: record.value,
    };
    return {
      offset,
      epoch: countSchema.parse(record.header(JOURNAL_HEADER.epoch)),
      number: countSchema.parse(record.header(JOURNAL_HEADER.number)),
      entry,
    };
  } catch (error) {
    throw new MillraceError("BATCH_CORRUPT", `record ${offset} of a journal is none of a journal`, { cause: error });
  }
}

function ofNewerRelease(offset: number, kind: string): MillraceError {
  const text = `record ${offset} of a journal is of the kind ${JSON.stringify(kind)}, and this release knows ${KINDS.join(", ")}`;
  return new MillraceError("DATA_FORMAT_UNSUPPORTED", text, {
    remedy: "Run the release that wrote it, or a newer one; docs/kubernetes.md says what may run side by side.",
  });
}

function readPositions(text: string): TopicPosition[] {
  return positionsSchema.parse(JSON.parse(text)).map(([topic, partition, offset]) => ({ topic, partition, offset }));
}
