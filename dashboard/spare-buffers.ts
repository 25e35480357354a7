/** No memory at all: a `Buffer` for who has none yet. */
export const NO_BYTES = Buffer.alloc(0);

/** Sizes are this, doubled so many times. */
const SMALLEST_BYTES = 256;
const SIZES = 9;
/** What lies here at most. */
const KEPT_BYTES = 1024 * 1024;

/**
 * Small buffers that somebody has grown out of, for who comes next: readings of thousands of devices come and go, and what V8 has to find and to free
 * for each costs more than the bytes that are copied. What is larger than the largest size is not kept.
 */
export class SpareBuffers {
  readonly #bySize: Buffer<ArrayBuffer>[][] = Array.from({ length: SIZES }, () => []);
  #bytes = 0;

  /** At least so many bytes, with whatever stood there. */
  take(length: number): Buffer<ArrayBuffer> {
    const size = sizeOf(length);
    const spares = this.#bySize[size];
    if (spares === undefined) return Buffer.allocUnsafeSlow(length);
    const spare = spares.pop();
    if (spare === undefined) return Buffer.allocUnsafeSlow(SMALLEST_BYTES * 2 ** size);
    this.#bytes -= spare.length;
    return spare;
  }

  /** Takes back what `take` has given. Nobody may look at it any more. */
  give(buffer: Buffer<ArrayBuffer>): void {
    const size = sizeOf(buffer.length);
    const spares = this.#bySize[size];
    if (buffer.length !== SMALLEST_BYTES * 2 ** size || spares === undefined) return;
    if (this.#bytes + buffer.length > KEPT_BYTES) return;
    this.#bytes += buffer.length;
    spares.push(buffer);
  }
}

/** The number of the first size that holds it. */
function sizeOf(length: number): number {
  return length <= SMALLEST_BYTES ? 0 : Math.ceil(Math.log2(length / SMALLEST_BYTES));
}
