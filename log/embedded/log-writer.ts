import { aborted } from "../../core/aborted.ts";
import { MillraceError } from "../../core/errors.ts";
import { checkedAppendBytes } from "../append-limits.ts";
import { checkedCommitBytes, type Outputs } from "./commit-limits.ts";
import { Capacity } from "./capacity.ts";
import { commitFailure } from "./commit-failure.ts";
import { CommitPipeline } from "./commit-pipeline.ts";
import { CommitRecordEncoder } from "./commit-record.ts";
import { createLogMeters, type LogMeters } from "./log-meters.ts";
import { usedBytes } from "./log-store.ts";
import { PAGE_BYTES } from "./pieces.ts";
import { JournalTable } from "./journal-table.ts";
import { checkCommit, fenced } from "./journal.ts";
import { OffsetTable } from "./offset-table.ts";
import { Retention } from "./retention.ts";
import { RetentionTurns } from "./retention-turns.ts";
import { storeError } from "./store-damage.ts";
import { StoreWatch } from "./store-watch.ts";
import { writeCommit } from "./write-commit.ts";
import type { Clock } from "../../core/clock.ts";
import { ENDED_AT } from "../../core/event-log.ts";
import type {
  AppendGroup,
  CommitRequest,
  JournalClaim,
  JournalId,
  JournalHolding,
  LogStatus,
} from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { PackedRecord, RecordInput } from "../../core/record.ts";
import type { CommitGroup, EncodedBatch } from "./commit-group.ts";
import type { DurableMark } from "./durable-mark.ts";
import type { Journal } from "./journal.ts";
import type { LogStore } from "./log-store.ts";
import type { LogTopology } from "../topology.ts";

export interface LogWriterOptions {
  readonly directory: string;
  readonly store: LogStore;
  readonly topology: LogTopology;
  readonly mark: DurableMark;
  readonly bytesMax: number;
  readonly retentionMs: number;
  readonly requiredJournals: readonly string[];
  /** The same of these, but only once they have told a position. */
  readonly isOnceBegun?: (journal: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MAINTENANCE_MS = 1000;
/** All writes of one log. Lives in the thread that opened it; every other thread sends its requests here. */
export class LogWriter {
  readonly capacity: Capacity;
  readonly journals: JournalTable;
  private readonly options: LogWriterOptions;
  private readonly offsets: OffsetTable;
  private readonly retention: Retention;
  private readonly retentionTurns: RetentionTurns;
  private readonly pipeline: CommitPipeline;
  private readonly meters: LogMeters;
  private readonly encoder = new CommitRecordEncoder();
  private readonly watch: StoreWatch;
  private readonly maintenanceTimer: NodeJS.Timeout;
  private closing = false;

  constructor(options: LogWriterOptions) {
    const { store, topology, logger, metrics, mark } = options;
    this.options = options;
    this.capacity = new Capacity(options.bytesMax);
    this.capacity.bytes = usedBytes(store);
    this.journals = new JournalTable(options);
    this.retention = new Retention({ ...options, journals: this.journals });
    this.offsets = new OffsetTable(store, topology, this.retention.firstSequence, logger);
    for (const { topic, partition, offset } of this.journals.statuses().flatMap(({ positions }) => positions))
      if (offset < ENDED_AT) this.offsets.passOver(topology.indexOf(topic, partition), offset);
    this.pipeline = new CommitPipeline((group) => this.write(group));
    this.meters = createLogMeters(metrics);
    this.meters.bytesMax.set(options.bytesMax);
    mark.publishSequence(this.offsets.sequence);
    this.watch = new StoreWatch({ ...options, capacity: this.capacity });
    this.retentionTurns = new RetentionTurns(this.retention, this.capacity, this.watch);
    this.maintenanceTimer = setInterval(() => this.maintain(), MAINTENANCE_MS);
    this.maintenanceTimer.unref();
  }

  /** Adds a record of at most so many bytes to the group that is collecting. Throws when the log refuses it. */
  take(topicPartition: number, record: PackedRecord, bytesBound: number): AppendGroup {
    this.refuseWhenFull("append", bytesBound);
    const group = this.pipeline.groupFor(bytesBound);
    group.addPacked(topicPartition, record, bytesBound);
    return group;
  }

  append(topic: string, partition: number, records: readonly RecordInput[]): Promise<number> {
    try {
      const index = this.options.topology.indexOf(topic, partition);
      const bytes = checkedAppendBytes(records);
      this.refuseWhenFull("append", bytes);
      if (records.length === 0) return Promise.resolve(this.offsets.ends[index] ?? 0);
      return this.pipeline.groupFor(bytes).append(index, records);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async appendEncoded(topicPartition: number, batches: readonly EncodedBatch[]): Promise<number> {
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
    this.refuseWhenFull("append", bytes);
    return await this.pipeline.groupFor(bytes).appendEncoded(topicPartition, batches);
  }

  async claim(id: JournalId, held?: JournalHolding): Promise<JournalClaim> {
    this.refuseWhenFull("journal", 0);
    const journal = this.journals.journal(id);
    journal.issuedEpoch += 1;
    journal.failed = false;
    const epoch = journal.issuedEpoch;
    const group = this.pipeline.groupFor(0);
    group.addJournalWrite({ journal, kind: "claim", epoch, entry: null });
    return await new Promise((resolve, reject) => {
      group.wait({
        // Read before the next group may delete entries.
        landed: () => {
          try {
            resolve({ epoch, ...this.journals.restore(journal, held) });
          } catch (error) {
            reject(storeError(error, this.options.directory));
          }
        },
        failed: (error) => {
          journal.failed = true;
          reject(error);
        },
      });
    });
  }

  /** `outputsOf` may throw: that is a failed commit like any other. Nobody writes to the entry's bytes before it has landed. */
  async commit(request: Omit<CommitRequest, "outputs">, outputsOf: () => readonly Outputs[]): Promise<void> {
    const { epoch, entry } = request;
    const journal = this.journals.journal(request.journal);
    checkCommit(journal, epoch, entry);
    try {
      const outputs = outputsOf();
      for (const { topic, partition } of entry.positions) this.options.topology.indexOf(topic, partition);
      const bytes = checkedCommitBytes(entry.body.length, outputs);
      this.refuseWhenFull("journal", bytes);
      await this.enqueueCommit(journal, request, outputs, bytes);
    } catch (error) {
      this.failJournal(request.journal, epoch);
      throw error;
    }
  }

  /** A commit of this owner has failed, here or before it came here: nothing more is taken from it. */
  failJournal(id: JournalId, epoch: number): void {
    const journal = this.journals.journal(id);
    if (journal.issuedEpoch === epoch) journal.failed = true;
  }

  status(): LogStatus {
    return {
      partitions: this.offsets.statuses(this.retention.starts),
      journals: this.journals.statuses(),
      bytes: this.capacity.bytes,
      bytesMax: this.capacity.bytesMax,
      refusing: this.capacity.refusing(),
      deletedTelemetry: Object.fromEntries(this.retention.deletedTelemetry),
    };
  }

  /** Lets what was asked for land, and leaves a checkpoint so that the next open has nothing to scan. */
  async close(signal: AbortSignal): Promise<void> {
    this.closing = true;
    clearInterval(this.maintenanceTimer);
    await Promise.race([this.pipeline.idle(), aborted(signal)]);
    this.pipeline.abandon(new MillraceError("LOG_CLOSED", "the log was closed before this landed"));
    if (signal.aborted || this.capacity.refusing() !== null) return;
    await this.leaveCheckpoint();
  }

  private async leaveCheckpoint(): Promise<void> {
    const { sequence, bytes } = this.offsets.checkpoint();
    if (sequence === 0) return;
    try {
      await this.options.store.index.put(sequence, bytes);
    } catch (error) {
      // Only the next open is slower for it.
      const { code } = await commitFailure(error, this.options.directory);
      this.options.logger.warn({ code }, "the log closes without a checkpoint");
    }
  }

  private enqueueCommit(
    journal: Journal,
    { epoch, entry }: Omit<CommitRequest, "outputs">,
    outputs: readonly Outputs[],
    bytes: number,
  ): Promise<void> {
    const group = this.pipeline.groupFor(bytes);
    for (const output of outputs) {
      if ("records" in output) group.addRecords(output.topicPartition, output.records);
      else for (const batch of output.batches) group.addBatch(output.topicPartition, batch);
    }
    group.addJournalWrite({ journal, kind: entry.kind, epoch, entry });
    return new Promise((resolve, reject) => {
      group.wait({
        landed: () => resolve(),
        failed: (error) => {
          reject(journal.failed && journal.issuedEpoch === epoch ? fenced(journal, epoch) : error);
          if (journal.issuedEpoch === epoch) journal.failed = true;
        },
      });
    });
  }

  private refuseWhenFull(writeClass: "append" | "journal", bytes: number): void {
    if (this.closing) throw new MillraceError("LOG_CLOSED", "the log is closing");
    const refusal = this.capacity.refusal(writeClass, this.pipeline.queuedBytes, bytes);
    if (refusal === null) return;
    this.meters.refusing.set(1);
    throw refusal;
  }

  private maintain(): void {
    const lost = this.watch.lost();
    if (lost !== null) {
      this.meters.refusing.set(1);
      this.pipeline.abandon(lost);
      return;
    }
    this.measure();
    this.meters.bytes.set(this.capacity.bytes);
    void this.capacity.probe(this.options.directory);
    this.meters.refusing.set(this.capacity.refusing() === null ? 0 : 1);
    this.pipeline.requestMaintenance();
  }

  private measure(): void {
    try {
      this.capacity.bytes = usedBytes(this.options.store);
    } catch (error) {
      this.watch.noteDamage(error);
    }
  }

  /** One transaction: batches, journal entries, a checkpoint if it is time, a slice of retention if there is one. */
  private async write(group: CommitGroup): Promise<MillraceError | null> {
    const { store, mark } = this.options;
    const batches = group.seal(this.offsets.ends);
    const records = this.encoder.encode(this.options.clock.now(), batches);
    const entries = this.journals.place(group.journalWrites);
    const slice = this.retentionTurns.next(this.offsets.sequence);
    const checkpoint = this.offsets.dueCheckpoint(slice?.to ?? 0);
    const before = this.offsets.sequence;
    if (records.length + entries.puts.length === 0 && slice === null && checkpoint === null) return null;
    try {
      await writeCommit(store, this.retention, { sequence: before + 1, records, entries, checkpoint, slice });
    } catch (error) {
      return await this.watch.noteFailedWrite(error);
    }
    const lost = this.watch.lost();
    if (lost !== null) return lost;
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    this.offsets.advance(before + records.length, batches, bytes);
    entries.apply();
    if (checkpoint !== null) this.offsets.noteCheckpoint(checkpoint.sequence);
    if (slice !== null) {
      this.retention.apply(slice);
      mark.publishRetention();
    }
    if (records.length > 0) mark.publishSequence(this.offsets.sequence);
    this.noteLanded(group, records, slice !== null || entries.removals.length > 0);
    return null;
  }

  private noteLanded(group: CommitGroup, records: readonly Buffer[], deleted: boolean): void {
    this.meters.commits.add();
    this.meters.records.add(group.records);
    this.capacity.noteSuccess();
    if (deleted) {
      this.measure();
      // More may be due; a group of its own takes it when no other comes.
      if (!this.closing) this.pipeline.requestMaintenance();
    } else {
      for (const record of records) this.capacity.bytes += Math.ceil(record.length / PAGE_BYTES) * PAGE_BYTES;
      for (const { entry } of group.journalWrites) this.capacity.bytes += entry?.body.length ?? 0;
    }
  }
}
