import { BatchExpansion, malformed, tooLarge } from "./record-batch-expansion.ts";

/** In front of what Kafka's Java clients and brokers write: `snappy-java`'s stream, then its version and the oldest that reads it. */
const STREAM_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const STREAM_HEADER_BYTES = 16;
/** Literals up to this length say so in their tag; of longer ones the tag says how many bytes the length has. */
const SHORT_LITERAL = 60;
const KIND = { literal: 0, near: 1, far: 2 } as const;
/** No element gives more per byte than a copy of 64 bytes does with its three. */
const GAIN_PER_BYTE = 64;

/**
 * Expands Snappy (format_description.txt of google/snappy), bare, as librdkafka writes it, or in the blocks of a stream. BATCH_TOO_LARGE for
 * what gives more than `bytesMax`, BATCH_CORRUPT for what is no Snappy.
 */
export function expandSnappy(bytes: Buffer, bytesMax: number): Buffer {
  const blocks = bytes.subarray(0, STREAM_MAGIC.length).equals(STREAM_MAGIC) ? blocksOf(bytes) : [bytes];
  const sized = blocks.map(sizedBlock);
  const total = sized.reduce((sum, { size }) => sum + size, 0);
  if (total > bytesMax) throw tooLarge(bytesMax);
  // Before memory is taken: a size that lies is found.
  if (total > bytes.length * GAIN_PER_BYTE) throw malformed();
  const expansion = new BatchExpansion(total, Number.POSITIVE_INFINITY);
  for (const { block, at, size } of sized) {
    const end = expansion.length + size;
    expandBlock(block, at, expansion);
    if (expansion.length !== end) throw malformed();
  }
  return expansion.result();
}

function blocksOf(stream: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = STREAM_HEADER_BYTES; at < stream.length;) {
    if (at + 4 > stream.length) throw malformed();
    const length = stream.readUInt32BE(at);
    if (length > stream.length - at - 4) throw malformed();
    blocks.push(stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** A block begins with its expanded size, in little groups of seven bits. */
function sizedBlock(block: Buffer): { readonly block: Buffer; readonly at: number; readonly size: number } {
  let size = 0;
  for (let at = 0; at < Math.min(5, block.length); at++) {
    const byte = block[at] ?? 0;
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { block, at: at + 1, size };
  }
  throw malformed();
}

function expandBlock(block: Buffer, start: number, expansion: BatchExpansion): void {
  let at = start;
  const littleEndian = (count: number): number => {
    if (at + count > block.length) throw malformed();
    at += count;
    return block.readUIntLE(at - count, count);
  };
  while (at < block.length) {
    const tag = block[at++] ?? 0;
    const upper = tag >> 2;
    switch (tag & 3) {
      case KIND.literal: {
        const length = 1 + (upper < SHORT_LITERAL ? upper : littleEndian(upper - SHORT_LITERAL + 1));
        expansion.append(block, at, length);
        at += length;
        break;
      }
      case KIND.near:
        expansion.repeat(((tag >> 5) << 8) + littleEndian(1), (upper & 7) + 4);
        break;
      case KIND.far:
        expansion.repeat(littleEndian(2), upper + 1);
        break;
      default:
        expansion.repeat(littleEndian(4), upper + 1);
    }
  }
}
