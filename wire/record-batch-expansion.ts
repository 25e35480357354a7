import { MillraceError } from "../core/errors.ts";

/** What a compressed batch expands to, as LZ4 and Snappy build it: new bytes, and bytes that were there before. */
export class BatchExpansion {
  length = 0;
  readonly bytes: Buffer;
  private readonly bytesMax: number;

  /** `bytesBound`: nothing well-formed gives more. More than `bytesMax` is BATCH_TOO_LARGE. */
  constructor(bytesBound: number, bytesMax: number) {
    this.bytesMax = bytesMax;
    this.bytes = Buffer.allocUnsafeSlow(Math.min(bytesBound, bytesMax));
  }

  /** Appends bytes of `source`. */
  append(source: Buffer, at: number, count: number): void {
    if (count > source.length - at) throw malformed();
    this.reserve(count);
    source.copy(this.bytes, this.length, at, at + count);
    this.length += count;
  }

  /** Appends again what begins `distance` bytes before the end, also when it reaches beyond that: then it repeats. */
  repeat(distance: number, count: number): void {
    const from = this.length - distance;
    if (distance === 0 || from < 0) throw malformed();
    this.reserve(count);
    const { bytes, length } = this;
    if (distance >= count) bytes.copyWithin(length, from, from + count);
    else for (let index = 0; index < count; index++) bytes[length + index] = bytes[from + index] ?? 0;
    this.length += count;
  }

  result(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(count: number): void {
    if (count <= this.bytes.length - this.length) return;
    throw this.bytes.length < this.bytesMax ? malformed() : tooLarge(this.bytesMax);
  }
}

export function malformed(cause?: unknown): MillraceError {
  return new MillraceError("BATCH_CORRUPT", "the compressed records of a batch are malformed", { cause });
}

export function tooLarge(bytesMax: number): MillraceError {
  return new MillraceError("BATCH_TOO_LARGE", `a compressed batch expands to more than ${bytesMax} bytes`);
}
