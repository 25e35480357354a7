import { readMetrics, type Metrics } from "../wire/reading-reader.ts";
import { haveSameMembers, type ObjectBytes } from "../wire/same-members.ts";
import type { DatedMetrics } from "../wire/reading-head.ts";

/** Metrics of one device change in length by a few digits. */
const ROOM_BYTES = 64;

/** A reading's times and metrics, kept as bytes until somebody asks; the next one is written over it. */
export class KeptMetrics implements ObjectBytes {
  /** Event time, UTC ms. */
  ts = 0;
  /** Receive time, UTC ms. */
  received = 0;
  bytes: Buffer = Buffer.alloc(0);
  readonly start = 0;
  end = 0;
  /** Nobody has read its metrics yet. */
  waits = false;

  constructor(first: DatedMetrics) {
    this.keep(first);
  }

  keep({ ts, received, bytes, start, end }: DatedMetrics): void {
    const length = end - start;
    if (length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(length + ROOM_BYTES);
    bytes.copy(this.bytes, 0, start, end);
    this.end = length;
    this.ts = ts;
    this.received = received;
  }

  /** True when the reading is not older and has the same metrics: nothing of this one is the newest any more. */
  isReplacedBy(next: DatedMetrics): boolean {
    if (next.ts < this.ts || (next.ts === this.ts && next.received < this.received)) return false;
    return haveSameMembers(this, next);
  }

  metrics(): Metrics | null {
    return readMetrics(this.bytes.subarray(0, this.end));
  }
}
