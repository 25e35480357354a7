import { errorText, isMillraceError } from "../../core/errors.ts";
import { pause } from "../../core/pause.ts";
import { isControlRecord } from "../../core/record.ts";
import { positionFloors } from "../position-floors.ts";
import { addCount, chunksOf, encodeNote, sumEntries, type RetentionNote } from "./retention-ledger.ts";
import type { Clock } from "../../core/clock.ts";
import type { CommitRequest, JournalClaim, JournalId, JournalStatus, TopicPosition } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";
import type { LogTopology } from "../topology.ts";
import type { PartitionRange } from "./kafka-status.ts";
import type { LogGauge } from "./log-gauge.ts";

/** The journal in which retention writes down what it deletes. */
export const RETENTION_JOURNAL: JournalId = { name: "retention", partition: 0 };

export interface KafkaRetentionOptions {
  readonly topology: LogTopology;
  readonly gauge: LogGauge;
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly requiredJournals: readonly string[];
  /** The same of these, but only once they have told a position. */
  readonly isOnceBegun?: (journal: string) => boolean;
  readonly logger: Logger;
  claim(): Promise<JournalClaim>;
  commit(request: CommitRequest): Promise<void>;
  journals(): Promise<readonly JournalStatus[]>;
  ranges(): Promise<readonly PartitionRange[]>;
  read(topic: string, partition: number, from: number, to: number): AsyncIterable<WalkedBatch>;
  deleteBefore(positions: readonly TopicPosition[]): Promise<void>;
  /** Tells the other processes how full the log is. */
  tell(fullness: { readonly bytes: number; readonly heldBy: string | null }): Promise<void>;
}

const ROUND_MS = 1000;
/** So many partitions are looked into each round, in turn, for the size of what others append. */
const SAMPLES_PER_ROUND = 4;
const SNAPSHOT_AFTER_NOTES = 100;
/** By size, deleting ends at this part of the ceiling. */
const ROOM_SHARE = 0.5;
/** Somebody else keeps the retention; once in a while it is taken over, in case nobody does any more. */
const RETAKE_MS = 600_000;

/**
 * Deletes what is old, or too much, and what no required journal has still to read. One process of an installation does, as the owner
 * of a journal: what is deleted is counted there first, so that no crash counts it twice or not at all.
 */
export class KafkaRetention {
  private readonly options: KafkaRetentionOptions;
  private epoch: number | null = null;
  private counted = new Map<number, number>();
  private messages: Record<string, number> = {};
  private notes = 0;
  private sampled = 0;
  /** True while another process owns the journal, as far as known. */
  private isKeptElsewhere = false;
  private isRunning = false;
  private rounds: Promise<void> = Promise.resolve();
  private hurried: Promise<void> | null = null;

  constructor(options: KafkaRetentionOptions) {
    this.options = options;
  }

  /** False also while another process does what this one would: what it has deleted, and how full the log is, is learned from it then. */
  get isKept(): boolean {
    return this.isRunning && !this.isKeptElsewhere;
  }

  /** Goes on until the signal. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.isRunning = true;
    while (!signal.aborted) {
      await this.makeRoom();
      await pause(this.isKeptElsewhere ? RETAKE_MS : ROUND_MS, signal);
    }
    await this.rounds;
  }

  /** A round now, or the one that is waited for already. */
  makeRoom(): Promise<void> {
    this.hurried ??= this.rounds.then(async () => {
      this.hurried = null;
      await this.round();
    });
    this.rounds = this.hurried;
    return this.hurried;
  }

  private async round(): Promise<void> {
    const { logger } = this.options;
    try {
      if (this.epoch === null) await this.take();
      await this.look();
      await this.delete();
      const { bytes, heldBy } = this.options.gauge;
      await this.options.tell({ bytes, heldBy });
      this.isKeptElsewhere = false;
    } catch (error) {
      this.isKeptElsewhere = isMillraceError(error, "JOURNAL_FENCED");
      this.epoch = null;
      if (this.isKeptElsewhere) logger.info({}, "another process keeps the retention of the log");
      else logger.warn({ cause: errorText(error) }, "nothing old can be deleted from the log now: trying again");
    }
  }

  private async take(): Promise<void> {
    const { gauge } = this.options;
    const { epoch, entries } = await this.options.claim();
    const { counted, messages, rows } = sumEntries(entries);
    this.counted = new Map(counted);
    this.messages = { ...messages };
    gauge.ages.restore(rows);
    this.notes = entries.length;
    this.epoch = epoch;
  }

  private async look(): Promise<void> {
    const { topology, gauge } = this.options;
    const rowsBefore = gauge.ages.all().at(-1);
    let isNewRow = false;
    for (const { topic, partition, startOffset, endOffset } of await this.options.ranges()) {
      isNewRow = gauge.noteRange(topology.indexOf(topic, partition), startOffset, endOffset) || isNewRow;
    }
    await this.sample();
    gauge.recount();
    // The row before will not change any more.
    if (isNewRow && rowsBefore !== undefined) await this.note({ counted: [], messages: {}, rows: [rowsBefore] });
  }

  /** All partitions whose records nobody here has seen, and some of the others. */
  private async sample(): Promise<void> {
    const { topology, gauge } = this.options;
    const filled = Array.from({ length: topology.size }, (_, index) => index).filter(
      (index) => (gauge.ends[index] ?? 0) > (gauge.starts[index] ?? 0),
    );
    const unseen = filled.filter((index) => !gauge.hasSeen(index));
    const turn = Array.from({ length: Math.min(SAMPLES_PER_ROUND, filled.length) }, () => {
      return filled[this.sampled++ % filled.length] ?? 0;
    });
    for (const index of new Set([...unseen, ...turn])) {
      const { topic, partition } = topology.topicPartition(index);
      const end = gauge.ends[index] ?? 0;
      for await (const { bytes, baseOffset, nextOffset } of this.options.read(topic, partition, end - 1, end)) {
        gauge.noteSample(index, nextOffset - baseOffset, bytes.length);
      }
    }
  }

  private async delete(): Promise<void> {
    const targets = await this.targets();
    if (targets.length === 0) return;
    const counted: [number, number][] = [];
    const messages: Record<string, number> = {};
    for (const { topic, partition, offset } of targets) {
      if (topic !== "telemetry") continue;
      await this.countMessages(partition, offset, messages);
      counted.push([partition, offset]);
    }
    if (counted.length > 0) await this.note({ counted, messages, rows: [] });
    await this.options.deleteBefore(targets);
    const { topology, gauge } = this.options;
    for (const { topic, partition, offset } of targets) gauge.starts[topology.indexOf(topic, partition)] = offset;
    gauge.recount();
  }

  /** Up to where each partition may go. */
  private async targets(): Promise<TopicPosition[]> {
    const { topology, gauge, clock, requiredJournals: required, isOnceBegun = () => false } = this.options;
    const floors = positionFloors(topology, { required, isOnceBegun }, await this.options.journals());
    if ("missing" in floors) {
      gauge.heldBy = `${floors.missing} has not read anything yet`;
      return [];
    }
    const now = clock.now();
    const share = this.shareForSize(floors.floors);
    const targets: TopicPosition[] = [];
    gauge.heldBy = null;
    for (let index = 0; index < topology.size; index++) {
      const start = gauge.starts[index] ?? 0;
      const floor = Math.min(floors.floors[index] ?? 0, gauge.ends[index] ?? 0);
      const bySize = Math.ceil((floor - start) * share) + start;
      const wanted = Math.max(gauge.ages.expiredBelow(index, now), bySize);
      if (wanted > floor) gauge.heldBy = `a required consumer is at offset ${floor} of ${topology.label(index)}`;
      const offset = Math.min(wanted, floor);
      if (offset > start) targets.push({ ...topology.topicPartition(index), offset });
    }
    if (share === 1) gauge.heldBy ??= "its consumers have not read what lies in it";
    return targets;
  }

  /** Of what may go: the part that has to, so that there is room again. */
  private shareForSize(floors: Float64Array): number {
    const { gauge } = this.options;
    if (!gauge.isTight) return 0;
    let deletable = 0;
    for (const [index, floor] of floors.entries()) {
      const to = Math.min(floor, gauge.ends[index] ?? 0);
      deletable += Math.max(0, to - (gauge.starts[index] ?? 0)) * gauge.recordBytes(index);
    }
    return deletable === 0 ? 1 : Math.min(1, (gauge.bytes - gauge.bytesMax * ROOM_SHARE) / deletable);
  }

  private async countMessages(partition: number, to: number, messages: Record<string, number>): Promise<void> {
    const { topology, gauge } = this.options;
    const from = Math.max(
      gauge.starts[topology.indexOf("telemetry", partition)] ?? 0,
      this.counted.get(partition) ?? 0,
    );
    if (from >= to) return;
    for await (const { records } of this.options.read("telemetry", partition, from, to)) {
      // A damaged batch was reported when it was read, and its messages have no keys to count under.
      for (const record of records ?? []) {
        if (record.offset < from || record.offset >= to || record.key === null || isControlRecord(record)) continue;
        addCount(messages, record.key, 1);
      }
    }
  }

  private async note(note: RetentionNote): Promise<void> {
    await this.write(note, { kind: "unit" });
    for (const [partition, offset] of note.counted) this.counted.set(partition, offset);
    for (const [key, count] of Object.entries(note.messages)) addCount(this.messages, key, count);
    this.notes += 1;
    if (this.notes < SNAPSHOT_AFTER_NOTES) return;
    const rows = this.options.gauge.ages.all().slice(0, -1);
    const chunks = chunksOf({ counted: [...this.counted], messages: this.messages, rows });
    for (const [at, chunk] of chunks.entries()) {
      await this.write(chunk, { kind: "snapshot", complete: at === chunks.length - 1 });
    }
    this.notes = 0;
  }

  private write(note: RetentionNote, how: { kind: "unit" } | { kind: "snapshot"; complete: boolean }): Promise<void> {
    const entry = { ...how, positions: [], nextTimer: null, body: encodeNote(note) };
    return this.options.commit({ journal: RETENTION_JOURNAL, epoch: this.epoch ?? -1, entry, outputs: [] });
  }
}
