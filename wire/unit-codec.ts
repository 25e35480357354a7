import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { OUTCOME_NAMES } from "../core/ledger.ts";
import { NumberTextReader, packNumbersAndText } from "./number-text.ts";
import type { Slot, SnapshotChunk, UnitBody } from "../core/commit-unit.ts";
import type { OutcomeName, Outcomes } from "../core/ledger.ts";

/*
 * Layout of both kinds: see number-text.ts. The text is a head in JSON, then every distinct function name and key, then names and
 * values of the slots, end to end; the numbers are their lengths and the indexes that refer to them. One encode and one decode of
 * text per entry is what makes it fast.
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
const unitHeadSchema = headSchema.extend({ from: stepSchema, versions: z.record(z.string(), z.int()).optional() });
const snapshotHeadSchema = headSchema.extend({ chunk: z.int().nonnegative() });

export function encodeUnit(body: UnitBody): Uint8Array {
  const { v, stage, generation, from, next, versions } = body;
  const head = { v, stage, generation, from, next, outcomes: OUTCOME_NAMES, ...(versions ? { versions } : {}) };
  return encode(KIND_UNIT, head, body.slots, body.outcomes);
}

/** BATCH_CORRUPT when the bytes are not those of `encodeUnit`. */
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

/** BATCH_CORRUPT when the bytes are not those of `encodeSnapshotChunk`. */
export function decodeSnapshotChunk(bytes: Uint8Array): SnapshotChunk {
  const { head, slots, outcomes } = decode(KIND_SNAPSHOT, bytes, snapshotHeadSchema);
  const { v, stage, generation, next, chunk } = head;
  return { v, stage, generation, next, chunk, slots, outcomes };
}

type PartialOutcomes = readonly (readonly [key: string, Partial<Outcomes>])[];

function encode(kind: number, head: object, slots: readonly Slot[], outcomes: PartialOutcomes): Uint8Array {
  const functions = new Index();
  const keys = new Index();
  const texts: string[] = [];
  const places: number[] = [];
  for (const { fn, key, name, value } of slots) {
    places.push(functions.of(fn), keys.of(key));
    texts.push(name);
    if (value !== null) texts.push(value);
  }
  for (const [key] of outcomes) keys.of(key);
  const headText = JSON.stringify(head);
  const text = headText + functions.texts.join("") + keys.texts.join("") + texts.join("");
  // Of ASCII, which nearly every unit is, the length of each text is known without asking for its bytes.
  const lengthOf = byteLength(text) === text.length ? lengthOfAscii : byteLength;

  const numbers = [lengthOf(headText), functions.texts.length];
  for (const fn of functions.texts) numbers.push(lengthOf(fn));
  numbers.push(keys.texts.length);
  for (const key of keys.texts) numbers.push(lengthOf(key));
  numbers.push(slots.length);
  let place = 0;
  for (const { name, value } of slots) {
    numbers.push(places[place] ?? 0, places[place + 1] ?? 0, lengthOf(name), value === null ? 0 : lengthOf(value) + 1);
    place += 2;
  }
  numbers.push(outcomes.length);
  for (const [key, counts] of outcomes) {
    numbers.push(keys.of(key));
    for (const name of OUTCOME_NAMES) numbers.push(counts[name] ?? 0);
  }
  return packNumbersAndText(kind, numbers, text);
}

function lengthOfAscii(text: string): number {
  return text.length;
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
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    return corrupt("its head cannot be read", cause);
  }
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function pick(texts: readonly string[], index: number): string {
  const text = texts[index];
  if (text === undefined) return corrupt("it refers to a text that it does not hold");
  return text;
}

function corrupt(why: string, cause?: unknown): never {
  throw new MillraceError("BATCH_CORRUPT", `a journal entry of a stage is damaged: ${why}`, { cause });
}

/** Numbers texts in the order in which they first come. */
class Index {
  readonly texts: string[] = [];
  private readonly places = new Map<string, number>();

  of(text: string): number {
    const known = this.places.get(text);
    if (known !== undefined) return known;
    this.places.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}
