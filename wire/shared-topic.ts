const NO_BYTES = Buffer.alloc(0);

/**
 * The bytes of topics that connections keep, to compare the next one with. Many devices publish to a topic of the same name: as one copy it stays
 * in the processor's caches, and takes its memory once.
 */
export class SharedTopic {
  #last: Buffer = NO_BYTES;

  /** A copy of these bytes: the one before, if it was of the same. */
  copyOf(topic: Buffer): Buffer {
    if (!this.#last.equals(topic)) this.#last = Buffer.from(topic);
    return this.#last;
  }
}
