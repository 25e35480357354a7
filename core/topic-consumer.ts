import type { LogReader } from "./event-log.ts";

/** Where a consumer group stands in a partition, and what the partition holds. */
export interface GroupPosition {
  /** The next offset to read; null when the group has committed none. */
  readonly committed: number | null;
  readonly startOffset: number;
  readonly endOffset: number;
}

/** A partition of somebody's topic, while it is this member's. */
export interface OwnedPartition {
  readonly partition: number;
  /** LOG_LOST or LOG_IO when the brokers do not say. */
  position(): Promise<GroupPosition>;
  /** For one caller; closed by it. */
  openReader(offset: number): LogReader;
  /**
   * Everything before the offset is done with. JOURNAL_FENCED when the partition has been given to somebody else: nothing more may be done
   * with it. LOG_LOST or LOG_IO when it is not known whether the offset is kept.
   */
  commit(nextOffset: number): Promise<void>;
}

/** Told which partitions are this member's. Calls never overlap. */
export interface OwnedPartitionListener {
  take(owned: OwnedPartition): void;
  /** Resolves when nothing is done with it any more: commit first. */
  release(partition: number): Promise<void>;
}
