/**
 * What is larger than a block has memory of its own: batches of a commit and journal entries have a few KiB each, and more where thousands of devices
 * report at once.
 */
const BLOCK_BYTES = 256 * 1024;

/**
 * Memory for many small things that all end together, used again for the next ones. V8 counts the bytes of buffers that nobody holds any more until it has
 * looked, against a small heap's limit too: those of a second made it mark the whole heap, to find what the next small collection would have found.
 */
export class ByteShelf {
  private readonly blocks: Buffer[] = [];
  private readonly large: Buffer<ArrayBuffer>[] = [];
  private block = 0;
  private used = 0;

  /** Room for so many bytes, with whatever stood there. Holds until `clear`. */
  room(length: number): Buffer {
    if (length > BLOCK_BYTES) {
      const own = Buffer.allocUnsafeSlow(length);
      this.large.push(own);
      return own;
    }
    if (this.used + length > BLOCK_BYTES) {
      this.block += 1;
      this.used = 0;
    }
    const block = (this.blocks[this.block] ??= Buffer.allocUnsafeSlow(BLOCK_BYTES));
    const start = this.used;
    this.used += length;
    return block.subarray(start, this.used);
  }

  /** A copy of bytes [start, end) of `source`. Holds until `clear`. */
  copy(source: Uint8Array, start: number, end: number): Buffer {
    const room = this.room(end - start);
    room.set(source.subarray(start, end));
    return room;
  }

  /** All room is free again. Memory of its own goes back at once, not when V8 looks: who still holds it sees it empty. */
  clear(): void {
    for (const { buffer } of this.large.splice(0)) buffer.transfer(0);
    this.block = 0;
    this.used = 0;
  }
}
