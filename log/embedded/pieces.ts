import { KeptBuffer } from "../../wire/kept-buffer.ts";

/** Of LMDB's, in the log's file. */
export const PAGE_BYTES = 4096;
/**
 * What a page of its own holds of a value: all of it without the header (`MDB_page_header` of lmdb-js's data format 2). A larger value lies in pieces of this
 * size, and LMDB never looks for free pages that lie side by side (docs/adr/0054-no-value-is-larger-than-a-page.md). Only the last piece is shorter.
 */
export const PIECE_BYTES = PAGE_BYTES - 24;
/** Of the records' own numbers: a record has fewer pieces, and piece `k` of record `n` lies behind `n` and before `n + 1`. */
const PIECES_PER_NUMBER = 32_768;
/** From here on an f64 does not tell the pieces of a record apart: after eight years of 1,000 commits a second. */
const NUMBERS_END = 2 ** 53 / PIECES_PER_NUMBER;

/** What is needed of a database whose records have numbers, with something before the number or not. */
export interface PieceStore<Key> {
  getBinaryFast(key: Key): Buffer | undefined;
  getKeys(range: { readonly start: NoInfer<Key>; readonly end: NoInfer<Key> }): Iterable<Key>;
}

export interface Piece<Key> {
  readonly key: Key;
  readonly value: Buffer;
}

/** The key of what has this number. */
export type KeyAt<Key> = (number: number) => Key;

/** The number of the record to which the key belongs. */
export function recordNumber(keyNumber: number): number {
  return Math.floor(keyNumber);
}

/** What is to be put for a record, as views of `bytes`. RangeError when it is larger than 127 MiB, or its number too high. */
export function piecesOf<Key>(keyAt: KeyAt<Key>, number: number, bytes: Buffer): Piece<Key>[] {
  const count = Math.max(1, Math.ceil(bytes.length / PIECE_BYTES));
  if (count > PIECES_PER_NUMBER || number >= NUMBERS_END)
    throw new RangeError(`record ${number} of ${bytes.length} bytes is more than the log takes`);
  return Array.from({ length: count }, (_, piece) => ({
    key: keyAt(number + piece / PIECES_PER_NUMBER),
    value: bytes.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES),
  }));
}

/** Of all pieces that are stored of records with numbers in [from, to). */
export function storedKeys<Key>(
  store: Pick<PieceStore<Key>, "getKeys">,
  keyAt: KeyAt<Key>,
  from: number,
  to: number,
): Key[] {
  return [...store.getKeys({ start: keyAt(from), end: keyAt(to) })];
}

/** One for all that a thread reads: nobody keeps it. */
const kept = new KeptBuffer();

/** Reads a record, also a whole one of the first data format. It holds until the next one is read in this thread. */
export function readRecord<Key>(
  store: Pick<PieceStore<Key>, "getBinaryFast">,
  keyAt: KeyAt<Key>,
  number: number,
): Buffer | undefined {
  let piece = store.getBinaryFast(keyAt(number));
  if (piece?.length !== PIECE_BYTES) return piece;
  let used = 0;
  for (let next = 1; piece !== undefined; next += 1) {
    // lmdb-js gives the same buffer each time, with another `length`, which is not how long it is.
    const { length }: Buffer = piece;
    kept.reserve(used + length, used);
    kept.bytes.set(piece.subarray(0, length), used);
    used += length;
    if (length < PIECE_BYTES) break;
    piece = store.getBinaryFast(keyAt(number + next / PIECES_PER_NUMBER));
  }
  const bytes = kept.bytes.subarray(0, used);
  kept.release(used);
  return bytes;
}

/** A record in memory of its own. */
export function copyOfRecord(bytes: Buffer): Buffer {
  return Uint8Array.prototype.slice.call(bytes, 0, bytes.length) as Buffer;
}
