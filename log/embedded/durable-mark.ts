const SEQUENCE = 0;
const RETENTIONS = 1;
const CLOSED = 2;
const WORDS = 3;

/**
 * What readers in every thread go by, in shared memory: the sequence of the last durable commit (LMDB shows a commit before it is
 * synced), how often retention has moved the start, and whether the writer has closed. Only the writer publishes.
 */
export class DurableMark {
  readonly shared: SharedArrayBuffer;
  private readonly words: BigInt64Array<SharedArrayBuffer>;
  private readonly listeners = new Set<() => void>();
  private armed = false;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(WORDS * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.words = new BigInt64Array(shared);
  }

  get sequence(): number {
    return Number(Atomics.load(this.words, SEQUENCE));
  }

  get retentions(): number {
    return Number(Atomics.load(this.words, RETENTIONS));
  }

  get closed(): boolean {
    return Atomics.load(this.words, CLOSED) === 1n;
  }

  publishSequence(sequence: number): void {
    Atomics.store(this.words, SEQUENCE, BigInt(sequence));
    Atomics.notify(this.words, SEQUENCE);
  }

  publishRetention(): void {
    Atomics.add(this.words, RETENTIONS, 1n);
  }

  /** Of a writer in another process, which says what it has published. */
  follow({ sequence, retentions }: { readonly sequence: number; readonly retentions: number }): void {
    Atomics.store(this.words, RETENTIONS, BigInt(retentions));
    this.publishSequence(sequence);
  }

  publishClosed(): void {
    Atomics.store(this.words, CLOSED, 1n);
    Atomics.notify(this.words, SEQUENCE);
  }

  /** Resolves when a commit after `sequence` is durable, the log closes, `waitMs` are over or `signal` aborts. */
  advanced(sequence: number, waitMs: number, signal?: AbortSignal): Promise<void> {
    const seen = Atomics.load(this.words, SEQUENCE);
    if (Number(seen) > sequence || this.closed || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.listeners.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      // The timer also keeps the thread alive: a pending Atomics.waitAsync does not.
      const timer = setTimeout(done, waitMs);
      this.listeners.add(done);
      signal?.addEventListener("abort", done);
      this.arm(seen);
      // A close changes no sequence: what waits for one that came just before would not see it.
      if (this.closed) done();
    });
  }

  /**
   * One waitAsync serves all who wait: one for each poll would pile up, since it cannot be taken back. It waits on what was seen, so
   * that a commit since then wakes at once.
   */
  private arm(seen: bigint): void {
    if (this.armed) return;
    const waiting = Atomics.waitAsync(this.words, SEQUENCE, seen);
    this.armed = true;
    const wake = (): void => {
      this.armed = false;
      for (const listener of this.listeners) listener();
    };
    if (waiting.async) void waiting.value.then(wake);
    else queueMicrotask(wake);
  }
}
