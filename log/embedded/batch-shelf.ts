/** A commit's batches of a partition have a few KiB. What is larger than a block has memory of its own. */
const BLOCK_BYTES = 256 * 1024;

/**
 * Memory that is used again with each poll. V8 counts the bytes of buffers that nobody holds any more until it has looked: those of a few polls made it mark
 * the whole heap, every second or two, to find what the next small collection would have found.
 */
export class BatchShelf {
  private readonly blocks: Uint8Array[] = [];
  private block = 0;
  private used = 0;

  /** A copy of bytes [start, start + length), valid until `clear`. */
  put(source: Uint8Array, start: number, length: number): Uint8Array {
    if (length > BLOCK_BYTES) return Uint8Array.prototype.slice.call(source, start, start + length);
    if (this.used + length > BLOCK_BYTES) {
      this.block += 1;
      this.used = 0;
    }
    const block = (this.blocks[this.block] ??= new Uint8Array(BLOCK_BYTES));
    const copy = block.subarray(this.used, this.used + length);
    copy.set(source.subarray(start, start + length));
    this.used += length;
    return copy;
  }

  /** What is put from now on lies where the rest lies now. */
  clear(): void {
    this.block = 0;
    this.used = 0;
  }
}
