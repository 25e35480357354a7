import { BatchExpansion, malformed } from "./record-batch-expansion.ts";

const MAGIC = 0x18_4d_22_04;
const VERSION = 0x40;
const VERSION_MASK = 0xc0;
const FLAG = { blockChecksum: 0x10, contentSize: 0x08, dictionary: 0x01 } as const;
const HEADER_BYTES = 7;
const CHECKSUM_BYTES = 4;
/** By the number in the header, from 4 on: 64 KiB, 256 KiB, 1 MiB, 4 MiB. */
const BLOCK_BYTES_SHIFT = [16, 18, 20, 22];
const IS_PLAIN = 0x8000_0000;
/** Of a length or a match, in the token: more follows. */
const MORE = 15;
const MATCH_BYTES_MIN = 4;
/** No input byte gives more: it is one more in the length of a match. */
const GAIN_PER_BYTE = 255;

interface Block {
  readonly at: number;
  readonly length: number;
  readonly isPlain: boolean;
}

/**
 * Expands one LZ4 frame (lz4_Frame_format.md, 1.6), blocks linked or not. Its checksums are not looked at: the batch has one over all.
 * BATCH_TOO_LARGE for what gives more than `bytesMax`, BATCH_CORRUPT for what is no such frame.
 */
export function expandLz4(frame: Buffer, bytesMax: number): Buffer {
  if (frame.length < HEADER_BYTES || frame.readUInt32LE(0) !== MAGIC) throw malformed();
  const flags = frame[4] ?? 0;
  const shift = BLOCK_BYTES_SHIFT[(((frame[5] ?? 0) >> 4) & 7) - 4];
  if ((flags & VERSION_MASK) !== VERSION || (flags & FLAG.dictionary) !== 0 || shift === undefined) throw malformed();
  const start = HEADER_BYTES + ((flags & FLAG.contentSize) === 0 ? 0 : 8);
  const blocks = blocksOf(frame, start, (flags & FLAG.blockChecksum) === 0 ? 0 : CHECKSUM_BYTES);
  const bound = blocks.reduce(
    (sum, { length, isPlain }) => sum + (isPlain ? length : Math.min(2 ** shift, length * GAIN_PER_BYTE)),
    0,
  );
  const expansion = new BatchExpansion(bound, bytesMax);
  for (const { at, length, isPlain } of blocks) {
    if (isPlain) expansion.append(frame, at, length);
    else expandBlock(frame.subarray(at, at + length), expansion);
  }
  return expansion.result();
}

function blocksOf(frame: Buffer, start: number, checksumBytes: number): Block[] {
  const blocks: Block[] = [];
  for (let at = start; ;) {
    if (at + 4 > frame.length) throw malformed();
    const size = frame.readUInt32LE(at);
    if (size === 0) return blocks;
    const length = size % IS_PLAIN;
    blocks.push({ at: at + 4, length, isPlain: size >= IS_PLAIN });
    at += 4 + length + checksumBytes;
  }
}

/** lz4_Block_format.md: literals and a match, in turn; the last literals have no match behind them. */
function expandBlock(block: Buffer, expansion: BatchExpansion): void {
  let at = 0;
  const longLength = (short: number): number => {
    let length = short;
    if (short !== MORE) return length;
    for (let byte = 255; byte === 255;) {
      if (at >= block.length) throw malformed();
      byte = block[at++] ?? 0;
      length += byte;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++] ?? 0;
    const literals = longLength(token >> 4);
    expansion.append(block, at, literals);
    at += literals;
    if (at === block.length) return;
    if (at + 2 > block.length) throw malformed();
    const distance = block.readUInt16LE(at);
    at += 2;
    expansion.repeat(distance, longLength(token & MORE) + MATCH_BYTES_MIN);
  }
}
