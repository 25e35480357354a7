import { isMillraceError, MillraceError } from "../core/errors.ts";
import { BATCH, BATCH_LENGTH_BASE, readInt64 } from "./record-batch-layout.ts";
import { decodeRecordBatch } from "./record-batch-reader.ts";
import type { LogRecord } from "../core/record.ts";

/** One batch out of several. `records` is null when they cannot be had, and `damage` then says why: the offsets [base, next) are lost. */
export type WalkedBatch = {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Buffer;
  /** Of the records, when they are not compressed (any more). */
  readonly recordBytes: number;
} & ({ readonly records: readonly LogRecord[] } | { readonly records: null; readonly damage: MillraceError });

/**
 * The batches that lie one after the other in `bytes`, as a broker sends them: the last may be cut short, and is left out. Records are
 * views of `bytes`. BATCH_CORRUPT when a frame itself makes no sense, so that nobody can say where the next batch begins;
 * BATCH_UNSUPPORTED for a batch that is whole and may not be passed over.
 */
export function* walkRecordBatches(bytes: Buffer): Generator<WalkedBatch> {
  for (let at = 0; at + BATCH.records <= bytes.length;) {
    const length = bytes.readInt32BE(at + BATCH.length) + BATCH_LENGTH_BASE;
    const baseOffset = readInt64(bytes, at + BATCH.baseOffset);
    if (length < BATCH.records || !Number.isSafeInteger(baseOffset) || baseOffset < 0) {
      throw new MillraceError("BATCH_CORRUPT", "a batch's frame makes no sense");
    }
    if (at + length > bytes.length) return;
    const batch = bytes.subarray(at, at + length);
    yield walked(batch, baseOffset);
    at += length;
  }
}

function walked(bytes: Buffer, baseOffset: number): WalkedBatch {
  try {
    const { nextOffset, recordBytes, records } = decodeRecordBatch(bytes);
    return { baseOffset, nextOffset, bytes, recordBytes, records };
  } catch (error) {
    if (!isMillraceError(error, "BATCH_CORRUPT") && !isMillraceError(error, "BATCH_TOO_LARGE")) throw error;
    const lastDelta = Math.max(bytes.readInt32BE(BATCH.lastOffsetDelta), 0);
    return { baseOffset, nextOffset: baseOffset + lastDelta + 1, bytes, recordBytes: 0, records: null, damage: error };
  }
}
