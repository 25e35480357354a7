import { MillraceError } from "../../core/errors.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { decodeCommitDirectory } from "./commit-record.ts";
import type { PartitionStatus } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { PlacedBatch } from "./commit-record.ts";
import { commitAt, lastCommit, type LogStore } from "./log-store.ts";
import { readRecord } from "./pieces.ts";
import type { LogTopology } from "../topology.ts";

const CHECKPOINT_COMMITS = 64;
/** A checkpoint is written after at least this many times its own size in commits, so that the index stays a few percent. */
const CHECKPOINT_SHARE = 32;
const ENDS_BYTES = 8;

/**
 * The durable end of every topic-partition and the last commit's sequence. Checkpoints of it, at commits some way apart, are the seek
 * index of the readers; and opening reads the last one and only the commits behind it.
 */
export class OffsetTable {
  readonly ends: Float64Array;
  /** Of the last durable commit; 0 when there is none. */
  sequence = 0;
  private readonly topology: LogTopology;
  private checkpointSequence: number;
  private bytesSinceCheckpoint = 0;

  constructor(store: LogStore, topology: LogTopology, firstSequence: number, logger: Logger) {
    this.topology = topology;
    this.ends = new Float64Array(topology.size);
    this.checkpointSequence = this.restoreCheckpoint(store);
    const last = Math.max(lastCommit(store), this.checkpointSequence, firstSequence - 1);
    for (let sequence = this.checkpointSequence + 1; sequence <= last; sequence++) {
      this.restoreCommit(readRecord(store.commits, commitAt, sequence), sequence, logger);
    }
    this.sequence = last;
  }

  /**
   * Offsets before `offset` have been read: none of them may be given again. Only when the directory of one of the last commits is
   * damaged does the table not know of them; the new record would lie behind its reader.
   */
  passOver(topicPartition: number, offset: number): void {
    this.ends[topicPartition] = Math.max(this.ends[topicPartition] ?? 0, offset);
  }

  /** Takes the batches of commits that are durable now. */
  advance(sequence: number, batches: Iterable<Omit<PlacedBatch, "byteOffset" | "byteLength">>, bytes: number): void {
    this.sequence = sequence;
    this.bytesSinceCheckpoint += bytes;
    for (const { topicPartition, baseOffset, count } of batches) {
      this.ends[topicPartition] = baseOffset + count;
    }
  }

  /** The checkpoint of the durable state if it is time for one. `deletedTo`: one must lie at or behind what retention leaves. */
  dueCheckpoint(deletedTo: number): { readonly sequence: number; readonly bytes: Buffer } | null {
    if (this.sequence === this.checkpointSequence) return null;
    const far =
      this.sequence - this.checkpointSequence >= CHECKPOINT_COMMITS &&
      this.bytesSinceCheckpoint >= this.topology.size * ENDS_BYTES * CHECKPOINT_SHARE;
    return far || this.checkpointSequence < deletedTo ? this.checkpoint() : null;
  }

  checkpoint(): { readonly sequence: number; readonly bytes: Buffer } {
    const bytes = encodeCheckpoint({ head: this.sequence, columns: [this.ends] });
    return { sequence: this.sequence, bytes };
  }

  noteCheckpoint(sequence: number): void {
    this.checkpointSequence = sequence;
    this.bytesSinceCheckpoint = 0;
  }

  /** Every topic-partition, those without a record too. */
  statuses(starts: Float64Array): PartitionStatus[] {
    const statuses: PartitionStatus[] = [];
    for (const [index, endOffset] of this.ends.entries()) {
      statuses.push({ ...this.topology.topicPartition(index), startOffset: starts[index] ?? 0, endOffset });
    }
    return statuses;
  }

  private restoreCheckpoint(store: LogStore): number {
    for (const { key, value } of store.index.getRange({ reverse: true })) {
      const checkpoint = decodeCheckpoint(value, this.topology.size);
      const ends = checkpoint?.columns[0];
      if (ends === undefined) continue;
      this.ends.set(ends);
      return key;
    }
    return 0;
  }

  private restoreCommit(bytes: Buffer | undefined, sequence: number, logger: Logger): void {
    if (bytes === undefined) return;
    try {
      this.advance(sequence, decodeCommitDirectory(bytes).batches, bytes.length);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      logger.error({ commit: sequence }, "the directory of a commit is damaged: its records are skipped");
    }
  }
}
