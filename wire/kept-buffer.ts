import { LIMITS } from "../core/limits.ts";

const INITIAL_BYTES = 4096;
/**
 * So often in a row a quarter would have been enough, before a large buffer is let go; half a minute of a busy log. Sizes go up and down under a steady
 * load too, and what is let go for a moment is made anew by doubling: V8 marks the whole heap for 8 MB of new buffers, 40 ms in which everybody waits.
 */
const SMALL_USES = 4096;

/**
 * A buffer that is used again and again. V8 collects large ones only with everything else, so making them anew costs far more than the
 * memory; but what one burst has made large does not stay.
 */
export class KeptBuffer {
  bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private smallUses = 0;

  /** Makes room for `needed` bytes; the first `used` are kept. */
  reserve(needed: number, used: number): void {
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, used);
    this.bytes = grown;
  }

  /** So many bytes were used: nothing of them is needed any more. */
  release(used: number): void {
    const { length } = this.bytes;
    this.smallUses = used < length / 4 ? this.smallUses + 1 : 0;
    if (length <= LIMITS.keptBufferBytesMax || this.smallUses < SMALL_USES) return;
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.smallUses = 0;
  }
}
