import { performance } from "node:perf_hooks";
import { LIMITS } from "../../core/limits.ts";
import { MillraceError } from "../../core/errors.ts";
import { hasRoom } from "./commit-failure.ts";

/** After a failed write nothing is tried for this long: a full disk does not empty within a millisecond. */
const RETRY_AFTER_MS = 1000;

/** What a write is for: journals have a reserve, since their progress is what makes room. */
export type WriteClass = "append" | "journal";

/** Decides whether the log takes more. At the ceiling appends stop first; journals may use a reserve of an eighth on top. */
export class Capacity {
  readonly bytesMax: number;
  bytes = 0;
  /** Which required journal holds retention back, and where; for the message. */
  heldBy: string | null = null;
  private failure: MillraceError | null = null;
  private retryAt = 0;
  private broken = false;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Null while appends are accepted. */
  refusing(): string | null {
    if (this.failure !== null) return sentence(this.failure);
    return this.bytes >= this.bytesMax ? this.fullMessage() : null;
  }

  /** The error that the caller is to get, or null when the log takes it. */
  refusal(writeClass: WriteClass, queuedBytes: number, moreBytes: number): MillraceError | null {
    if (this.failure !== null && (this.broken || performance.now() < this.retryAt)) return this.failure;
    if (queuedBytes + moreBytes > LIMITS.appendQueueBytesMax) {
      return new MillraceError("LOG_FULL", `${queuedBytes} bytes wait for the disk already`);
    }
    const ceiling = writeClass === "append" ? this.bytesMax : this.bytesMax + this.bytesMax / 8;
    return this.bytes + queuedBytes >= ceiling ? new MillraceError("LOG_FULL", this.fullMessage()) : null;
  }

  /** `broken`: the log takes no more writes until it is opened anew. */
  noteFailure(error: MillraceError, broken: boolean): void {
    this.failure = error;
    this.broken = broken;
    this.retryAt = performance.now() + RETRY_AFTER_MS;
  }

  /** A write has landed. */
  noteSuccess(): void {
    // Of a log that is broken or lost, what was under way may still land. On a full disk a small write may, where the next append does
    // not: there the probe decides.
    if (!this.broken && this.failure?.code !== "LOG_FULL") this.failure = null;
  }

  /** An idle log has no write that would tell that a failure is over: when the disk has room, nothing is known to be in the way. */
  async probe(directory: string): Promise<void> {
    const { failure } = this;
    if (failure === null || this.broken || performance.now() < this.retryAt) return;
    if ((await hasRoom(directory)) && this.failure === failure) this.failure = null;
  }

  private fullMessage(): string {
    const held = this.heldBy === null ? "" : `; ${this.heldBy}`;
    return `the log is full: ${this.bytes} of ${this.bytesMax} bytes are used${held}`;
  }
}

function sentence({ message, remedy }: MillraceError): string {
  return remedy === undefined ? message : `${message}; ${remedy}`;
}
