import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { positionFloors } from "../position-floors.ts";
import { decodeRecordBatch, recordKeys } from "../../wire/record-batch-reader.ts";
import { encodeCheckpoint } from "./checkpoint.ts";
import { decodeCommitDirectory } from "./commit-record.ts";
import { commitAt, readStarts } from "./log-store.ts";
import { readRecord, storedKeys } from "./pieces.ts";
import type { Clock } from "../../core/clock.ts";
import type { CommitDirectory, PlacedBatch } from "./commit-record.ts";
import type { PositionFloors } from "../position-floors.ts";
import type { JournalTable } from "./journal-table.ts";
import type { LogStore } from "./log-store.ts";
import type { LogTopology } from "../topology.ts";

/** By size, deleting begins at this part of the ceiling: there is room again before appends must stop. */
const FULL_SHARE = 0.9;
/** LMDB's longest key; counts of longer record keys go under their beginning. */
const KEY_CHARS_MAX = 600;

export interface RetentionOptions {
  readonly store: LogStore;
  readonly topology: LogTopology;
  readonly journals: JournalTable;
  readonly requiredJournals: readonly string[];
  /** The same of these, but only once they have told a position. */
  readonly isOnceBegun?: (journal: string) => boolean;
  readonly bytesMax: number;
  readonly retentionMs: number;
  readonly clock: Clock;
}

/** A prefix of the commits to delete, with what must be stored in the same transaction. */
export interface RetentionSlice {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly starts: Float64Array;
  /** New totals of the keys that the slice touches. */
  readonly deletedTelemetry: ReadonlyMap<string, number>;
}

export interface RetentionKeys {
  readonly commits: readonly number[];
  readonly index: readonly number[];
}

/** Deletes the oldest commits by age and size, and never what a required journal has still to read. */
export class Retention {
  readonly deletedTelemetry = new Map<string, number>();
  /** Why the oldest commit had to stay although age or size asked for it; null when nothing does. */
  heldBy: string | null = null;
  starts: Float64Array;
  firstSequence: number;
  private readonly options: RetentionOptions;
  private readonly telemetryFrom: number;

  constructor(options: RetentionOptions) {
    this.options = options;
    const { store, topology } = options;
    const stored = readStarts(store, topology);
    this.firstSequence = stored.head;
    this.starts = stored.columns[0] ?? new Float64Array(topology.size);
    this.telemetryFrom = topology.indexOf("telemetry", 0);
    for (const { key, value } of store.deleted.getRange({})) this.deletedTelemetry.set(key, value.readDoubleLE(0));
  }

  /** The next slice, or null when nothing may or must go. `lastSequence` is the last durable commit. */
  plan(usedBytes: number, lastSequence: number): RetentionSlice | null {
    const { store, topology, journals, requiredJournals: required, bytesMax, retentionMs, clock } = this.options;
    const { isOnceBegun = () => false } = this.options;
    this.heldBy = null;
    const timeMin = clock.now() - retentionMs;
    const starts = Float64Array.from(this.starts);
    const deleted = new Map<string, number>();
    let floors: PositionFloors | null = null;
    let freed = 0;
    let sequence = this.firstSequence;
    const limit = Math.min(lastSequence + 1, sequence + LIMITS.retentionSliceCommitsMax);
    for (; sequence < limit && freed < LIMITS.retentionSliceBytesMax; sequence++) {
      const bytes = readRecord(store.commits, commitAt, sequence);
      if (bytes === undefined) continue;
      const directory = directoryOf(bytes);
      const due = usedBytes - freed > bytesMax * FULL_SHARE || (directory !== null && directory.time < timeMin);
      if (!due) break;
      floors ??= positionFloors(topology, { required, isOnceBegun }, journals.statuses());
      this.heldBy = this.holderOf(directory, floors);
      if (this.heldBy !== null) break;
      for (const batch of directory?.batches ?? []) {
        starts[batch.topicPartition] = batch.baseOffset + batch.count;
        this.countTelemetry(bytes, batch, deleted);
      }
      freed += bytes.length;
    }
    if (sequence === this.firstSequence) return null;
    return { from: this.firstSequence, to: sequence, starts, deletedTelemetry: deleted };
  }

  /** What of the store the slice removes. */
  keysOf({ from, to }: RetentionSlice): RetentionKeys {
    const { store } = this.options;
    return { commits: storedKeys(store.commits, commitAt, from, to), index: [...store.index.getKeys({ end: to })] };
  }

  /** Queues the slice's puts and removals; to be called inside the transaction. */
  write({ to, starts, deletedTelemetry }: RetentionSlice, keys: RetentionKeys): void {
    const { store } = this.options;
    for (const key of keys.commits) void store.commits.remove(key);
    for (const sequence of keys.index) void store.index.remove(sequence);
    for (const [key, count] of deletedTelemetry) {
      const value = Buffer.allocUnsafeSlow(8);
      value.writeDoubleLE(count);
      void store.deleted.put(key, value);
    }
    void store.meta.put("starts", encodeCheckpoint({ head: to, columns: [starts] }));
  }

  /** To be called when the slice is durable. */
  apply({ to, starts, deletedTelemetry }: RetentionSlice): void {
    this.firstSequence = to;
    this.starts = starts;
    for (const [key, count] of deletedTelemetry) this.deletedTelemetry.set(key, count);
  }

  private holderOf(directory: CommitDirectory | null, floors: PositionFloors): string | null {
    if ("missing" in floors) return `${floors.missing} has not read anything yet`;
    const held = directory?.batches.find(
      ({ topicPartition, baseOffset, count }) => baseOffset + count > (floors.floors[topicPartition] ?? 0),
    );
    if (held === undefined) return null;
    const { topicPartition } = held;
    return `a required consumer is at offset ${floors.floors[topicPartition]} of ${this.options.topology.label(topicPartition)}`;
  }

  private countTelemetry(commit: Buffer, batch: PlacedBatch, deleted: Map<string, number>): void {
    const inTopic = batch.topicPartition - this.telemetryFrom;
    if (inTopic < 0 || inTopic >= this.options.topology.partitionCount) return;
    try {
      const bytes = commit.subarray(batch.byteOffset, batch.byteOffset + batch.byteLength);
      for (const whole of messageKeys(bytes)) {
        if (whole === null) continue;
        const key = whole.slice(0, KEY_CHARS_MAX);
        deleted.set(key, (deleted.get(key) ?? this.deletedTelemetry.get(key) ?? 0) + 1);
      }
    } catch (error) {
      // A damaged batch was reported when it was read, and its messages have no keys to count under.
      if (!(error instanceof MillraceError)) throw error;
    }
  }
}

/** Of what is no control record. Commits wait meanwhile: batches without any are not decoded. */
function messageKeys(batch: Uint8Array): readonly (string | null)[] {
  const keys = recordKeys(batch, HEADER.controlKind);
  if (keys !== null) return keys;
  const { records } = decodeRecordBatch(batch);
  return records.filter((record) => !isControlRecord(record)).map(({ key }) => key);
}

function directoryOf(bytes: Buffer): CommitDirectory | null {
  try {
    return decodeCommitDirectory(bytes);
  } catch (error) {
    if (error instanceof MillraceError) return null;
    throw error;
  }
}
