import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checksum } from "./record-batch-checksum.ts";
import { malformed, tooLarge } from "./record-batch-expansion.ts";
import { BATCH, BATCH_LENGTH_BASE } from "./record-batch-layout.ts";
import { expandLz4 } from "./record-batch-lz4.ts";
import { expandSnappy } from "./record-batch-snappy.ts";

/** The lowest three bits of a batch's attributes (KIP-110 for zstd). */
const CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** How batches are compressed that are written here. */
export type BatchCompression = "none" | "gzip" | "zstd";

/** A batch of a message or two: nothing to speak of is saved, for some 30 µs. */
const WORTHWHILE_BYTES = 512;
/** Of a batch of telemetry the next levels make a tenth less, for up to three times the CPU. */
const FAST = 1;
const CHUNK_BYTES = { least: 1024, most: 256 * 1024, guessedGain: 16 } as const;

/**
 * The batch with its records compressed, in bytes of its own; the batch itself when that makes it no smaller, and when it is more than a
 * reader would expand.
 */
export function compressRecordBatch(batch: Buffer, compression: BatchCompression): Buffer {
  if (compression === "none" || batch.length < WORTHWHILE_BYTES) return batch;
  if (batch.length - BATCH.records > LIMITS.expandedBatchBytesMax) return batch;
  const plain = batch.subarray(BATCH.records);
  const records =
    compression === "gzip"
      ? gzipSync(plain, { level: FAST })
      : zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: FAST } });
  if (records.length >= plain.length) return batch;
  const compressed = Buffer.allocUnsafeSlow(BATCH.records + records.length);
  batch.copy(compressed, 0, 0, BATCH.records);
  records.copy(compressed, BATCH.records);
  compressed.writeInt32BE(compressed.length - BATCH_LENGTH_BASE, BATCH.length);
  compressed.writeInt16BE(CODEC[compression], BATCH.attributes);
  compressed.writeUInt32BE(checksum(compressed.subarray(BATCH.attributes)), BATCH.crc);
  return compressed;
}

/**
 * The records of a batch as they were before they were compressed, whoever did: a topic's `compression.type` makes the broker do it.
 * BATCH_TOO_LARGE when they are more than `bytesMax`, BATCH_UNSUPPORTED for a codec that Kafka 4.3 does not have, BATCH_CORRUPT for bytes
 * that are not of the codec.
 */
export function expandRecords(codec: number, bytes: Buffer, bytesMax: number): Buffer {
  switch (codec) {
    case CODEC.gzip:
      return unzip(gunzipSync, bytes, bytesMax);
    case CODEC.snappy:
      return expandSnappy(bytes, bytesMax);
    case CODEC.lz4:
      return expandLz4(bytes, bytesMax);
    case CODEC.zstd:
      return unzip(zstdDecompressSync, bytes, bytesMax);
    default:
      throw new MillraceError("BATCH_UNSUPPORTED", `a batch is compressed in a way that is not known here (${codec})`, {
        remedy: "Set compression.type of the topic to producer, and write again what was compressed otherwise.",
      });
  }
}

function unzip(
  how: (bytes: Buffer, options: { readonly maxOutputLength: number; readonly chunkSize: number }) => Buffer,
  bytes: Buffer,
  bytesMax: number,
): Buffer {
  const { least, most, guessedGain } = CHUNK_BYTES;
  const chunkSize = Math.min(Math.max(bytes.length * guessedGain, least), most);
  try {
    return how(bytes, { maxOutputLength: bytesMax, chunkSize });
  } catch (error) {
    const isLong = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    throw isLong ? tooLarge(bytesMax) : malformed(error);
  }
}
