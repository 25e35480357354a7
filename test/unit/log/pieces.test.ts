import { expect, test } from "vitest";
import fc from "fast-check";
import { PIECE_BYTES, putRecord, recordNumber, RecordReader, removeRecords } from "../../../log/embedded/pieces.ts";
import type { PieceStore } from "../../../log/embedded/pieces.ts";

const at = (number: number): number => number;

/** As lmdb-js: what `getBinaryFast` gives is written over by the next one, and its `length` is not how long it is. */
function memoryStore(): PieceStore<number> & { readonly stored: Map<number, Buffer> } {
  const stored = new Map<number, Buffer>();
  const shared = Buffer.alloc(1 << 16);
  return {
    stored,
    getBinaryFast(key) {
      const value = stored.get(key);
      if (value === undefined) return undefined;
      shared.fill(0).set(value);
      return Object.defineProperty(shared, "length", { value: value.length, configurable: true });
    },
    put: (key, value) => void stored.set(key, Buffer.from(value)),
    remove: (key) => void stored.delete(key),
    getKeys: ({ start, end }) => [...stored.keys()].filter((key) => key >= start && key < end).sort((a, b) => a - b),
  };
}

const bytesOf = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, place) => (place * 31 + seed) % 251));
const copyOf = (bytes: Buffer | undefined): Buffer | null =>
  bytes === undefined ? null : Buffer.from(bytes.subarray(0, bytes.length));

test("records of any length are read as they were put, in pieces of which none is larger than a page holds", () => {
  const length = fc.oneof(
    fc.integer({ min: 0, max: 3 * PIECE_BYTES }),
    fc.constantFrom(PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 5 * PIECE_BYTES),
  );
  fc.assert(
    fc.property(fc.array(length, { minLength: 1, maxLength: 12 }), (lengths) => {
      const store = memoryStore();
      for (const [number, size] of lengths.entries()) putRecord(store, at, number, bytesOf(size, number));
      expect(Math.max(...[...store.stored.values()].map((piece) => piece.length))).toBeLessThanOrEqual(PIECE_BYTES);
      const records = new RecordReader(store);
      for (const [number, size] of lengths.entries())
        expect(copyOf(records.read(at, number))).toEqual(bytesOf(size, number));
      expect(records.read(at, lengths.length)).toBeUndefined();
      expect(new Set([...store.stored.keys()].map(recordNumber))).toEqual(new Set(lengths.keys()));
    }),
  );
});

test("records are removed with all of their pieces, and no others", () => {
  const store = memoryStore();
  for (let number = 1; number <= 6; number += 1) putRecord(store, at, number, bytesOf(number * 3000, number));
  removeRecords(store, at, 2, 5);
  const records = new RecordReader(store);
  const left = [1, 2, 3, 4, 5, 6].filter((number) => records.read(at, number) !== undefined);
  expect(left).toEqual([1, 5, 6]);
  expect([...new Set([...store.stored.keys()].map(recordNumber))]).toEqual([1, 5, 6]);
  expect(copyOf(records.read(at, 5))).toEqual(bytesOf(15_000, 5));
});

test("a whole value of the first data format is read as it is", () => {
  const store = memoryStore();
  const large = bytesOf(5 * PIECE_BYTES + 7, 1);
  void store.put(1, large);
  putRecord(store, at, 2, bytesOf(10, 2));
  const records = new RecordReader(store);
  expect(copyOf(records.read(at, 1))).toEqual(large);
  // By chance as long as a piece, and what lies behind it is another record.
  void store.put(3, bytesOf(PIECE_BYTES, 3));
  putRecord(store, at, 4, bytesOf(20, 4));
  expect(copyOf(records.read(at, 3))).toEqual(bytesOf(PIECE_BYTES, 3));
});

test("what is too large for its pieces to have keys is refused", () => {
  const store = memoryStore();
  expect(() => putRecord(store, at, 1, Buffer.alloc(PIECE_BYTES * 65_536 + 1))).toThrow(RangeError);
  expect(store.stored.size).toBe(0);
});
