import type { Clock } from "../core/clock.ts";
import type { JournalHolding } from "../core/event-log.ts";
import type { Limits } from "../core/limits.ts";
import type { Gauge } from "../core/metrics.ts";
import type { StagePartition } from "../engine/stage-partition.ts";

/** A partition as its last owner here has left it: its state, which is that of the journal up to what is held. Nobody works it. */
export interface WarmPartition {
  readonly state: StagePartition;
  readonly held: JournalHolding;
  readonly unitsSinceSnapshot: number;
  readonly bytesSinceSnapshot: number;
}

export interface KeptPartition {
  readonly partition: number;
  readonly warm: WarmPartition;
  readonly bytes: number;
  /** When it is dropped, in milliseconds of the monotonic clock. */
  readonly until: number;
}

export interface WarmPartitionsOptions {
  readonly limits: Pick<Limits, "warmPartitionsMax" | "warmPartitionsBytesMax" | "warmPartitionsMsMax">;
  readonly monotonic: Clock;
  readonly bytesGauge: Gauge;
}

/** Partitions that were given up and may come back, so that their owner need not read the whole journal again. */
export class WarmPartitions {
  private readonly options: WarmPartitionsOptions;
  /** By partition, the oldest first. */
  private readonly kept = new Map<number, KeptPartition>();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(options: WarmPartitionsOptions) {
    this.options = options;
  }

  /** In place of what was kept of the partition before. What is too large is not kept; the oldest go to make room. */
  keep(partition: number, warm: WarmPartition): void {
    if (this.closed) return;
    const { limits, monotonic } = this.options;
    this.add({ partition, warm, bytes: warm.state.bytes, until: monotonic.now() + limits.warmPartitionsMsMax });
  }

  /** The caller alone has it from now on. */
  take(partition: number): KeptPartition | null {
    const kept = this.kept.get(partition);
    if (kept === undefined || kept.until <= this.options.monotonic.now()) return null;
    this.kept.delete(partition);
    this.settle();
    return kept;
  }

  /** Of what was taken and not touched. It has no more time for that. */
  giveBack(kept: KeptPartition): void {
    if (!this.closed && !this.kept.has(kept.partition)) this.add(kept);
  }

  /** Drops everything, and keeps nothing any more. */
  close(): void {
    this.closed = true;
    this.kept.clear();
    this.settle();
  }

  private add(kept: KeptPartition): void {
    const { warmPartitionsMax, warmPartitionsBytesMax } = this.options.limits;
    this.kept.delete(kept.partition);
    if (kept.bytes <= warmPartitionsBytesMax) this.kept.set(kept.partition, kept);
    for (const { partition } of this.kept.values()) {
      if (this.kept.size <= warmPartitionsMax && this.bytes() <= warmPartitionsBytesMax) break;
      this.kept.delete(partition);
    }
    this.settle();
  }

  private bytes(): number {
    return [...this.kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Tells how much is kept, and wakes up when the next one is due to be dropped. */
  private settle(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const now = this.options.monotonic.now();
    for (const { partition, until } of this.kept.values()) if (until <= now) this.kept.delete(partition);
    this.options.bytesGauge.set(this.bytes());
    if (this.kept.size === 0) return;
    const next = Math.min(...[...this.kept.values()].map(({ until }) => until));
    this.timer = setTimeout(() => this.settle(), Math.max(1, Math.ceil(next - now)));
    this.timer.unref();
  }
}
