import { putWhole } from "./written-json.ts";
import { writeVarint } from "./varint.ts";
import type { Step } from "../core/commit-unit.ts";

const BLANK = 0x20;
/** Of a length, of three whole numbers and of what stands between them. */
const NUMBERS_BYTES = 64;

/**
 * The `src` header of a step's outputs, as record batches have it: only the last of its numbers differs among them, and texts would have to be made of each
 * and encoded.
 */
export class StepSource {
  readonly bytesMax: number;
  /** What stands before the index. */
  private readonly bytes: Buffer;
  private readonly prefixLength: number;
  private length: number;
  private readonly last = Buffer.alloc(16);

  /** `prefix`: the source position up to the offset, with the blank in front of that. */
  constructor(prefix: string) {
    this.prefixLength = Buffer.byteLength(prefix);
    this.bytesMax = this.prefixLength + NUMBERS_BYTES;
    this.bytes = Buffer.alloc(this.bytesMax);
    this.bytes.write(prefix);
    this.length = this.prefixLength;
  }

  moveTo({ offset, step }: Step): void {
    const { bytes } = this;
    let at = putWhole(bytes, this.prefixLength, offset);
    bytes[at] = BLANK;
    at = putWhole(bytes, at + 1, step);
    bytes[at] = BLANK;
    this.length = at + 1;
  }

  /** Writes length and text, and returns the place behind them. */
  writeTo(to: Buffer, start: number, index: number): number {
    const { bytes, last, length } = this;
    const digits = putWhole(last, 0, index);
    let at = writeVarint(to, start, length + digits);
    for (let place = 0; place < length; place += 1) to[at + place] = bytes[place] ?? 0;
    at += length;
    for (let place = 0; place < digits; place += 1) to[at + place] = last[place] ?? 0;
    return at + digits;
  }
}
