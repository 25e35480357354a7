import { checksum } from "../../wire/record-batch-checksum.ts";

/**
 * Numbers per topic-partition under one checksum, little endian: `crc32c u32 · columns u32 · head f64 · values f64…`, row after row.
 * Two things are kept so: the seek index (column: next offset) and the starts (column: start offset).
 */
const HEADER_BYTES = 16;

export interface Checkpoint {
  /** The number in front: for the starts the first commit sequence that is kept. */
  readonly head: number;
  readonly columns: readonly Float64Array[];
}

export function encodeCheckpoint({ head, columns }: Checkpoint): Buffer {
  const rows = columns[0]?.length ?? 0;
  const bytes = Buffer.alloc(HEADER_BYTES + rows * columns.length * 8);
  bytes.writeUInt32LE(columns.length, 4);
  bytes.writeDoubleLE(head, 8);
  for (const [column, values] of columns.entries()) {
    for (const [row, value] of values.entries()) {
      bytes.writeDoubleLE(value, HEADER_BYTES + (row * columns.length + column) * 8);
    }
  }
  bytes.writeUInt32LE(checksum(bytes.subarray(4)), 0);
  return bytes;
}

/** Null when damaged. Rows beyond those stored are 0: topics may have been added since. */
export function decodeCheckpoint(stored: Uint8Array, rows: number): Checkpoint | null {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== checksum(bytes.subarray(4))) return null;
  const width = bytes.readUInt32LE(4);
  const storedRows = (bytes.length - HEADER_BYTES) / 8 / width;
  const columns = Array.from({ length: width }, (_, column) =>
    Float64Array.from({ length: rows }, (_value, row) =>
      row < storedRows ? bytes.readDoubleLE(HEADER_BYTES + (row * width + column) * 8) : 0,
    ),
  );
  return { head: bytes.readDoubleLE(8), columns };
}
