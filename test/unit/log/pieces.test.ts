import { expect, test } from "vitest";
import fc from "fast-check";
import {
  copyOfRecord,
  PIECE_BYTES,
  piecesOf,
  readRecord,
  recordNumber,
  storedKeys,
} from "../../../log/embedded/pieces.ts";
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
    getKeys: ({ start, end }) => [...stored.keys()].filter((key) => key >= start && key < end).sort((a, b) => a - b),
  };
}

const put = (store: ReturnType<typeof memoryStore>, number: number, bytes: Buffer): void => {
  for (const { key, value } of piecesOf(at, number, bytes)) store.stored.set(key, Buffer.from(value));
};
const bytesOf = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, place) => (place * 31 + seed) % 251));
const copyOf = (bytes: Buffer | undefined): Buffer | null => (bytes === undefined ? null : copyOfRecord(bytes));

test("records of any length are read as they were put, in pieces of which none is larger than a page holds", () => {
  const length = fc.oneof(
    fc.integer({ min: 0, max: 3 * PIECE_BYTES }),
    fc.constantFrom(PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 5 * PIECE_BYTES),
  );
  fc.assert(
    fc.property(fc.array(length, { minLength: 1, maxLength: 12 }), (lengths) => {
      const store = memoryStore();
      for (const [number, size] of lengths.entries()) put(store, number, bytesOf(size, number));
      expect(Math.max(...[...store.stored.values()].map((piece) => piece.length))).toBeLessThanOrEqual(PIECE_BYTES);
      for (const [number, size] of lengths.entries())
        expect(copyOf(readRecord(store, at, number))).toEqual(bytesOf(size, number));
      expect(readRecord(store, at, lengths.length)).toBeUndefined();
      expect(new Set([...store.stored.keys()].map(recordNumber))).toEqual(new Set(lengths.keys()));
    }),
  );
});

test("records are removed with all of their pieces, and no others", () => {
  const store = memoryStore();
  for (let number = 1; number <= 6; number += 1) put(store, number, bytesOf(number * 3000, number));
  for (const key of storedKeys(store, at, 2, 5)) store.stored.delete(key);
  const left = [1, 2, 3, 4, 5, 6].filter((number) => readRecord(store, at, number) !== undefined);
  expect(left).toEqual([1, 5, 6]);
  expect([...new Set([...store.stored.keys()].map(recordNumber))]).toEqual([1, 5, 6]);
  expect(copyOf(readRecord(store, at, 5))).toEqual(bytesOf(15_000, 5));
});

test("a whole value of the first data format is read as it is", () => {
  const store = memoryStore();
  const large = bytesOf(5 * PIECE_BYTES + 7, 1);
  store.stored.set(1, large);
  put(store, 2, bytesOf(10, 2));
  expect(copyOf(readRecord(store, at, 1))).toEqual(large);
  // By chance as long as a piece, and what lies behind it is another record.
  store.stored.set(3, bytesOf(PIECE_BYTES, 3));
  put(store, 4, bytesOf(20, 4));
  expect(copyOf(readRecord(store, at, 3))).toEqual(bytesOf(PIECE_BYTES, 3));
});

test("what is too large for its pieces to have keys is refused", () => {
  const store = memoryStore();
  expect(() => put(store, 1, Buffer.alloc(PIECE_BYTES * 32_768 + 1))).toThrow(RangeError);
  expect(() => put(store, 2 ** 38, Buffer.alloc(1))).toThrow(RangeError);
  put(store, 2 ** 38 - 1, bytesOf(3 * PIECE_BYTES, 1));
  expect(store.stored.size).toBe(3);
  store.stored.clear();
  expect(store.stored.size).toBe(0);
});
