import { KeptBuffer } from "../../wire/kept-buffer.ts";

/**
 * What a page of its own holds of a value: 4 KiB without the header (`MDB_page_header` of lmdb-js's data format 2). A larger value lies in pieces of this
 * size, and LMDB never looks for free pages that lie side by side (docs/adr/0054-no-value-is-larger-than-a-page.md). Only the last piece is shorter.
 */
export const PIECE_BYTES = 4096 - 24;
/** Of the records' own numbers: a record has fewer pieces, and piece `k` of record `n` lies behind `n` and before `n + 1`. */
const PIECES_PER_NUMBER = 65_536;

/** What is needed of a database whose records have numbers, with something before the number or not. */
export interface PieceStore<Key> {
  getBinaryFast(key: Key): Buffer | undefined;
  put(key: Key, value: Buffer): unknown;
  remove(key: Key): unknown;
  getKeys(range: { readonly start: Key; readonly end: Key }): Iterable<Key>;
}

/** The key of what has this number. */
export type KeyAt<Key> = (number: number) => Key;

/** The number of the record to which the key belongs. */
export function recordNumber(keyNumber: number): number {
  return Math.floor(keyNumber);
}

/** Queues the puts of one record; to be called inside a transaction. RangeError when it is larger than 255 MiB. */
export function putRecord<Key>(store: PieceStore<Key>, keyAt: KeyAt<Key>, number: number, bytes: Buffer): void {
  const count = Math.max(1, Math.ceil(bytes.length / PIECE_BYTES));
  if (count > PIECES_PER_NUMBER) throw new RangeError(`a record of ${bytes.length} bytes is larger than the log takes`);
  for (let piece = 0; piece < count; piece += 1) {
    const from = piece * PIECE_BYTES;
    void store.put(keyAt(number + piece / PIECES_PER_NUMBER), bytes.subarray(from, from + PIECE_BYTES));
  }
}

/** Queues the removal of all records with numbers in [from, to) that are stored; to be called inside a transaction. */
export function removeRecords<Key>(store: PieceStore<Key>, keyAt: KeyAt<Key>, from: number, to: number): void {
  for (const key of store.getKeys({ start: keyAt(from), end: keyAt(to) })) void store.remove(key);
}

/** Reads records, whole ones of the first data format too. What it gives holds until the next one is read. */
export class RecordReader<Key> {
  private readonly store: Pick<PieceStore<Key>, "getBinaryFast">;
  private readonly kept = new KeptBuffer();

  constructor(store: Pick<PieceStore<Key>, "getBinaryFast">) {
    this.store = store;
  }

  read(keyAt: KeyAt<Key>, number: number): Buffer | undefined {
    const first = this.store.getBinaryFast(keyAt(number));
    if (first?.length !== PIECE_BYTES) return first;
    const { kept } = this;
    let used = 0;
    let piece: Buffer | undefined = first;
    for (let next = 1; piece !== undefined; next += 1) {
      // lmdb-js gives the same buffer each time, with another `length`, which is not how long it is.
      const { length } = piece;
      kept.reserve(used + length, used);
      kept.bytes.set(piece.subarray(0, length), used);
      used += length;
      if (length < PIECE_BYTES) break;
      piece = this.store.getBinaryFast(keyAt(number + next / PIECES_PER_NUMBER));
    }
    const bytes = kept.bytes.subarray(0, used);
    // The bytes stay as they are until the next record is read.
    kept.release(used);
    return bytes;
  }
}
