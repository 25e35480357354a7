import { z } from "zod";
import type { JournalEntry } from "../../core/event-log.ts";
import type { AgeRow } from "./age-table.ts";

/**
 * What retention has written down, in a journal of its own: before anything is deleted, how many messages of whom go; and how the log
 * grew. Entries add up: a snapshot is the sum of all before it, in parts.
 */
const noteSchema = z.object({
  v: z.literal(1),
  /** Telemetry below these offsets is counted: [partition, offset]. */
  counted: z.array(z.tuple([z.int(), z.int()])),
  /** Messages per key, control records left out. */
  messages: z.record(z.string(), z.int()),
  rows: z.array(z.object({ at: z.number(), ends: z.array(z.int()) })),
});

export interface RetentionNote {
  readonly counted: readonly (readonly [partition: number, offset: number])[];
  readonly messages: Readonly<Record<string, number>>;
  readonly rows: readonly AgeRow[];
}

const KEYS_PER_CHUNK = 10_000;

export function encodeNote(note: RetentionNote): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: 1, ...note }));
}

/** The sum of the notes, in chunks that are notes themselves. */
export function chunksOf({ counted, messages, rows }: RetentionNote): RetentionNote[] {
  const keys = Object.entries(messages);
  const chunks: RetentionNote[] = [{ counted, messages: {}, rows }];
  for (let at = 0; at < keys.length; at += KEYS_PER_CHUNK) {
    chunks.push({ counted: [], messages: Object.fromEntries(keys.slice(at, at + KEYS_PER_CHUNK)), rows: [] });
  }
  return chunks;
}

/** The sum of a journal's notes. Chunks of a snapshot that its owner did not complete count for nothing. */
export function sumEntries(entries: readonly JournalEntry[]): RetentionNote {
  const end = entries.findIndex(({ complete }) => complete === true) + 1;
  return sumNotes(entries.filter(({ kind }, at) => at < end || kind === "unit").map(({ body }) => body));
}

function sumNotes(bodies: readonly Uint8Array[]): RetentionNote {
  const counted = new Map<number, number>();
  const messages: Record<string, number> = {};
  const rows: AgeRow[] = [];
  for (const body of bodies) {
    const note = noteSchema.parse(JSON.parse(new TextDecoder().decode(body)));
    for (const [partition, offset] of note.counted) {
      counted.set(partition, Math.max(counted.get(partition) ?? 0, offset));
    }
    for (const [key, count] of Object.entries(note.messages)) addCount(messages, key, count);
    rows.push(...note.rows);
  }
  return { counted: [...counted], messages, rows };
}

/** Whatever the key is: a foreign producer may have called a device `constructor`. */
export function addCount(messages: Record<string, number>, key: string, count: number): void {
  messages[key] = (Object.hasOwn(messages, key) ? (messages[key] ?? 0) : 0) + count;
}
