import { gzipSync, zstdCompressSync } from "node:zlib";
import { checksum } from "../../wire/record-batch-checksum.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";

const LZ4_BLOCK_BYTES = 4 * 1024 * 1024;
export const CODEC = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** A batch of one record whose compressed records are `records`, with the checksum that goes with them. */
export function batchWith(codec: number, records: Uint8Array, baseOffset = 0): Buffer {
  const value = Buffer.from("replaced");
  const plain = encodeRecordBatch([{ timestamp: 1, key: null, value, headers: [] }], baseOffset);
  const batch = Buffer.concat([plain.subarray(0, 61), records]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt16BE(codec, 21);
  batch.writeUInt32BE(checksum(batch.subarray(21)), 17);
  return batch;
}

/** The records of a batch that is not compressed. */
export function recordsOf(batch: Buffer): Buffer {
  return Buffer.from(batch.subarray(61));
}

/** Little that expands to `bytes` zeros, as each codec has it: by name and number. */
export function bombs(bytes: number): readonly (readonly [name: string, codec: number, records: Buffer])[] {
  const zeros = Buffer.alloc(bytes);
  return [
    ["gzip", CODEC.gzip, gzipSync(zeros)],
    ["snappy", CODEC.snappy, snappyZeros(bytes)],
    ["lz4", CODEC.lz4, lz4Zeros(bytes)],
    ["zstd", CODEC.zstd, zstdCompressSync(zeros)],
  ];
}

/** One block: its size, a zero, and copies of 64 bytes from one before. */
function snappyZeros(bytes: number): Buffer {
  const size = [0, 7, 14, 21, 28].map((shift) => ((bytes >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
  const copies = Buffer.alloc(Math.floor((bytes - 1) / 64) * 3, Buffer.from([0xfe, 1, 0]));
  const left = (bytes - 1) % 64;
  const rest = left === 0 ? Buffer.alloc(0) : Buffer.from([((left - 1) << 2) | 2, 1, 0]);
  return Buffer.concat([Buffer.from([...size, 0, 0]), copies, rest]);
}

/** Blocks of 4 MiB and the rest, each a zero and a match. */
function lz4Zeros(bytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let left = bytes; left > 0; left -= LZ4_BLOCK_BYTES) {
    const more = Math.min(left, LZ4_BLOCK_BYTES) - 20;
    const long = Buffer.alloc(Math.floor(more / 255), 255);
    const body = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), long, Buffer.from([more % 255])]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(body.length);
    blocks.push(size, body);
  }
  return Buffer.concat([Buffer.from("04224d18607000", "hex"), ...blocks, Buffer.alloc(4)]);
}
