import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { OUTCOME_NAMES } from "../core/ledger.ts";
import { NumberTextReader, NumberTextWriter } from "./number-text.ts";
import type { Slot, SnapshotChunk, UnitBody } from "../core/commit-unit.ts";
import type { OutcomeName, Outcomes } from "../core/ledger.ts";

/*
 * Layout of both kinds: see number-text.ts. The text is a head in JSON, then every distinct function name and key, then names and
 * values of the slots, end to end; the numbers are their lengths and the indexes that refer to them.
 */
const KIND_UNIT = 0x55;
const KIND_SNAPSHOT = 0x53;

const stepSchema = z.object({ offset: z.int().nonnegative(), step: z.int().nonnegative() });
const headSchema = z.object({
  v: z.literal(1),
  stage: z.string(),
  generation: z.int().nonnegative(),
  next: stepSchema,
  outcomes: z.array(z.string()),
});
/** All that is said of the head of a later version. */
const newerSchema = z.object({ v: z.int().min(2), stage: z.string() });
const unitHeadSchema = headSchema.extend({ from: stepSchema, versions: z.record(z.string(), z.int()).optional() });
const snapshotHeadSchema = headSchema.extend({ chunk: z.int().nonnegative() });

export function encodeUnit(body: UnitBody): Uint8Array {
  const { v, stage, generation, from, next, versions } = body;
  const head = { v, stage, generation, from, next, outcomes: OUTCOME_NAMES, ...(versions ? { versions } : {}) };
  return encode(KIND_UNIT, head, body.slots, body.outcomes);
}

/** BATCH_CORRUPT when the bytes are not those of `encodeUnit`; DATA_FORMAT_UNSUPPORTED for an entry of another version. */
export function decodeUnit(bytes: Uint8Array): UnitBody {
  const { head, slots, outcomes } = decode(KIND_UNIT, bytes, unitHeadSchema);
  const { v, stage, generation, from, next, versions } = head;
  return { v, stage, generation, from, next, slots, outcomes, ...(versions ? { versions } : {}) };
}

export function encodeSnapshotChunk(body: SnapshotChunk): Uint8Array {
  const { v, stage, generation, next, chunk } = body;
  return encode(
    KIND_SNAPSHOT,
    { v, stage, generation, next, chunk, outcomes: OUTCOME_NAMES },
    body.slots,
    body.outcomes,
  );
}

/** BATCH_CORRUPT when the bytes are not those of `encodeSnapshotChunk`; DATA_FORMAT_UNSUPPORTED for one of another version. */
export function decodeSnapshotChunk(bytes: Uint8Array): SnapshotChunk {
  const { head, slots, outcomes } = decode(KIND_SNAPSHOT, bytes, snapshotHeadSchema);
  const { v, stage, generation, next, chunk } = head;
  return { v, stage, generation, next, chunk, slots, outcomes };
}

type PartialOutcomes = readonly (readonly [key: string, Partial<Outcomes>])[];

/** Entries are written one at a time. */
const writer = new NumberTextWriter();

function encode(kind: number, head: object, slots: readonly Slot[], outcomes: PartialOutcomes): Uint8Array {
  const functions = new Index();
  const keys = new Index();
  for (const { fn, key } of slots) {
    functions.of(fn);
    keys.of(key);
  }
  for (const [key] of outcomes) keys.of(key);
  writer.begin();
  writer.number(writer.text(JSON.stringify(head)));
  writeAll(functions.texts);
  writeAll(keys.texts);
  writer.number(slots.length);
  for (const { fn, key, name, value } of slots) {
    writer.number(functions.of(fn));
    writer.number(keys.of(key));
    writer.number(writer.text(name));
    writer.number(value === null ? 0 : writer.text(value) + 1);
  }
  writer.number(outcomes.length);
  for (const [key, counts] of outcomes) {
    writer.number(keys.of(key));
    for (const name of OUTCOME_NAMES) writer.number(counts[name] ?? 0);
  }
  return writer.finish(kind);
}

function writeAll(texts: readonly string[]): void {
  writer.number(texts.length);
  for (const text of texts) writer.number(writer.text(text));
}

interface Decoded<Head> {
  readonly head: Head;
  readonly slots: readonly Slot[];
  readonly outcomes: PartialOutcomes;
}

function decode<Head extends z.infer<typeof headSchema>>(
  kind: number,
  bytes: Uint8Array,
  schema: z.ZodType<Head>,
): Decoded<Head> {
  const cursor = new NumberTextReader(kind, bytes, corrupt);
  const head = parseHead(schema, cursor.text(cursor.number()));
  const functionLengths = cursor.list(cursor.count());
  const keyLengths = cursor.list(cursor.count());
  const functions = functionLengths.map((length) => cursor.text(length));
  const keys = keyLengths.map((length) => cursor.text(length));
  const slots = Array.from({ length: cursor.count() }, (): Slot => {
    const fn = pick(functions, cursor.number());
    const key = pick(keys, cursor.number());
    const nameLength = cursor.number();
    const valueLength = cursor.number();
    return { fn, key, name: cursor.text(nameLength), value: valueLength === 0 ? null : cursor.text(valueLength - 1) };
  });
  const outcomes = Array.from({ length: cursor.count() }, () => {
    const key = pick(keys, cursor.number());
    return [key, countsOf(head.outcomes, cursor.list(head.outcomes.length))] as const;
  });
  cursor.end();
  return { head, slots, outcomes };
}

/** Counts come under the names that the writer had, so that names can be added to the ledger later. */
function countsOf(names: readonly string[], values: readonly number[]): Partial<Outcomes> {
  const counts: Partial<Record<OutcomeName, number>> = {};
  for (const name of OUTCOME_NAMES) {
    const value = values[names.indexOf(name)] ?? 0;
    if (value !== 0) counts[name] = value;
  }
  return counts;
}

function parseHead<Head>(schema: z.ZodType<Head>, text: string): Head {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch (cause) {
    return corrupt("its head cannot be read", cause);
  }
  const { data, error } = schema.safeParse(head);
  if (data !== undefined) return data;
  const newer = newerSchema.safeParse(head).data;
  throw newer === undefined ? corruption("its head cannot be read", error) : ofNewerRelease(newer);
}

/** What is whole and not known is no damage: to go on from what lies before it would undo what the newer release did. */
function ofNewerRelease({ v, stage }: z.infer<typeof newerSchema>): MillraceError {
  const text = `the journal of stage ${stage} has entries of version ${v}, and this release reads version 1`;
  return new MillraceError("DATA_FORMAT_UNSUPPORTED", text, {
    remedy:
      "Run the release that wrote them, or a newer one, wherever this stage is worked; docs/kubernetes.md says what may run side by side.",
  });
}

function pick(texts: readonly string[], index: number): string {
  const text = texts[index];
  if (text === undefined) return corrupt("it refers to a text that it does not hold");
  return text;
}

function corrupt(why: string, cause?: unknown): never {
  throw corruption(why, cause);
}

function corruption(why: string, cause: unknown): MillraceError {
  return new MillraceError("BATCH_CORRUPT", `a journal entry of a stage is damaged: ${why}`, { cause });
}

/** Numbers texts in the order in which they first come. The same one often comes several times in a row. */
class Index {
  readonly texts: string[] = [];
  private readonly places = new Map<string, number>();
  private last = "";
  private lastPlace = -1;

  of(text: string): number {
    if (text === this.last && this.lastPlace >= 0) return this.lastPlace;
    let place = this.places.get(text);
    if (place === undefined) {
      place = this.texts.push(text) - 1;
      this.places.set(text, place);
    }
    this.last = text;
    this.lastPlace = place;
    return place;
  }
}
