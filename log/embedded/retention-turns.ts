import { performance } from "node:perf_hooks";
import type { Capacity } from "./capacity.ts";
import type { Retention, RetentionSlice } from "./retention.ts";
import type { StoreWatch } from "./store-watch.ts";

/** Between two looks at what may be deleted. */
const PAUSE_MS = 500;
const URGENT_PAUSE_MS = 20;

/** When retention has its turn in the writer's transactions: now and then, more often the fuller the log is. */
export class RetentionTurns {
  private readonly retention: Retention;
  private readonly capacity: Capacity;
  private readonly watch: StoreWatch;
  private lookedAt = 0;

  constructor(retention: Retention, capacity: Capacity, watch: StoreWatch) {
    this.retention = retention;
    this.capacity = capacity;
    this.watch = watch;
  }

  /** What the next transaction deletes; null when it is not retention's turn, or nothing may go. */
  next(sequence: number): RetentionSlice | null {
    const { capacity, retention } = this;
    const now = performance.now();
    const fill = capacity.bytes / capacity.bytesMax;
    // The last twentieth may be a few commits: nothing must be refused that deleting in time would have taken.
    const pauseMs = fill > 0.95 ? 0 : fill > 0.9 ? URGENT_PAUSE_MS : PAUSE_MS;
    if (now - this.lookedAt < pauseMs) return null;
    let slice: RetentionSlice | null = null;
    try {
      slice = retention.plan(capacity.bytes, sequence);
    } catch (error) {
      this.watch.noteDamage(error);
    }
    capacity.heldBy = retention.heldBy;
    // While slices come out there is more to delete: the next transaction takes the next one.
    if (slice === null) this.lookedAt = now;
    return slice;
  }
}
