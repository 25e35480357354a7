import { TokenBucket } from "./token-bucket.ts";

/** Whoever waits is not woken for each message: at high rates the wake-ups would cost more than the messages. */
const WAKE_INTERVAL_MS = 25;
/** As many as anybody has to send at once, and a small integer for V8. */
const MANY = 2 ** 30 - 1;

export interface PublishRateOptions {
  /** 0: without a ceiling. */
  readonly messagesPerSecond: number;
  /** Of payloads. 0: without a ceiling. */
  readonly bytesPerSecond: number;
  /** What may come at once: as much as the rate allows in this time. */
  readonly burstMs: number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** How fast messages may come: of one connection, or of all connections of a device, which then take turns. */
export class PublishRate {
  readonly #messages: TokenBucket | null;
  readonly #bytes: TokenBucket | null;
  readonly #nowMs: () => number;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ messagesPerSecond, bytesPerSecond, burstMs, nowMs }: PublishRateOptions) {
    const bucket = (rate: number) => (rate === 0 ? null : new TokenBucket(rate, (rate * burstMs) / 1000, nowMs()));
    this.#messages = bucket(messagesPerSecond);
    this.#bytes = bucket(bytesPerSecond);
    this.#nowMs = nowMs;
  }

  refill(nowMs: number): void {
    this.#messages?.refill(nowMs);
    this.#bytes?.refill(nowMs);
  }

  /** How many messages may pass, as of the last refill. */
  get messagesLeft(): number {
    return left(this.#messages);
  }

  /** While this is above 0 a message may pass, which may be larger. As of the last refill. */
  get bytesLeft(): number {
    return left(this.#bytes);
  }

  /** As of the last refill. */
  get isOpen(): boolean {
    return this.messagesLeft > 0 && this.bytesLeft > 0;
  }

  /** True when nothing would be lost by making it anew. */
  get isFull(): boolean {
    return isFull(this.#messages) && isFull(this.#bytes);
  }

  /** As of the last refill. */
  get waitMs(): number {
    return Math.max(this.#messages?.waitMs ?? 0, this.#bytes?.waitMs ?? 0);
  }

  spend(messages: number, bytes: number): void {
    if (this.#messages !== null) this.#messages.level -= messages;
    if (this.#bytes !== null) this.#bytes.level -= bytes;
  }

  /** Calls back once, when something may pass and those have had their turn that wait already. */
  wait(resume: () => void): void {
    this.#waiting.add(resume);
    this.#timer ??= setTimeout(() => this.#wake(), Math.max(WAKE_INTERVAL_MS, this.waitMs));
  }

  /** Whoever waited does not any more. */
  leave(resume: () => void): void {
    this.#waiting.delete(resume);
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wake(): void {
    this.#timer = undefined;
    this.refill(this.#nowMs());
    // Those that wait again meanwhile come behind, and find it closed.
    for (const resume of this.#waiting) {
      if (!this.isOpen) break;
      if (this.#waiting.delete(resume)) resume();
    }
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#wake(), Math.max(WAKE_INTERVAL_MS, this.waitMs));
  }
}

function left(bucket: TokenBucket | null): number {
  return bucket === null ? MANY : Math.min(MANY, Math.floor(bucket.level));
}

function isFull(bucket: TokenBucket | null): boolean {
  return bucket === null || bucket.level >= bucket.burst;
}
