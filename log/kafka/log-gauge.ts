import { MillraceError } from "../../core/errors.ts";
import { AgeTable } from "./age-table.ts";
import type { Clock } from "../../core/clock.ts";
import type { LogTopology } from "../topology.ts";

/** Of partitions whose batches nobody here has seen yet. */
const RECORD_BYTES_GUESS = 256;
const TIGHT_SHARE = 0.75;

/**
 * How much lies in the log, and since when, as far as this process knows: from its own appends at once, from those of others when
 * somebody looks. Bytes are those of record batches, once, whatever the number of replicas; of the records of others they are
 * estimated by the mean size of those that were seen.
 */
export class LogGauge {
  readonly bytesMax: number;
  readonly ages: AgeTable;
  /** Which required journal holds retention back; for the message. */
  heldBy: string | null = null;
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  private readonly clock: Clock;
  private readonly seenRecords: Float64Array;
  private readonly seenBytes: Float64Array;
  private total = 0;

  constructor(
    topology: LogTopology,
    options: { readonly bytesMax: number; readonly retentionMs: number; readonly clock: Clock },
  ) {
    this.bytesMax = options.bytesMax;
    this.clock = options.clock;
    this.ages = new AgeTable(topology.size, options.retentionMs);
    this.starts = new Float64Array(topology.size);
    this.ends = new Float64Array(topology.size);
    this.seenRecords = new Float64Array(topology.size);
    this.seenBytes = new Float64Array(topology.size);
  }

  get bytes(): number {
    return this.total;
  }

  recordBytes(index: number): number {
    const records = this.seenRecords[index] ?? 0;
    return records === 0 ? RECORD_BYTES_GUESS : (this.seenBytes[index] ?? 0) / records;
  }

  /** A batch of ours has landed. */
  noteBatch(index: number, nextOffset: number, records: number, bytes: number): void {
    this.noteSample(index, records, bytes);
    this.ends[index] = Math.max(this.ends[index] ?? 0, nextOffset);
    this.total += bytes;
    this.ages.observe(index, nextOffset, this.clock.now());
  }

  /** Where a partition begins and ends now. Returns true when that begins a row of the age table. */
  noteRange(index: number, startOffset: number, endOffset: number): boolean {
    this.starts[index] = startOffset;
    this.ends[index] = Math.max(this.ends[index] ?? 0, endOffset);
    return this.ages.observe(index, endOffset, this.clock.now());
  }

  /** False while the size of its records is a guess. */
  hasSeen(index: number): boolean {
    return (this.seenRecords[index] ?? 0) > 0;
  }

  /** A batch that was seen, for the mean. */
  noteSample(index: number, records: number, bytes: number): void {
    this.seenRecords[index] = (this.seenRecords[index] ?? 0) + records;
    this.seenBytes[index] = (this.seenBytes[index] ?? 0) + bytes;
  }

  /** What somebody else reckons, who knows better. */
  believe(bytes: number, heldBy: string | null): void {
    this.total = bytes;
    this.heldBy = heldBy;
  }

  /** To be called after all ranges are noted. */
  recount(): void {
    this.total = 0;
    for (const [index, end] of this.ends.entries()) {
      this.total += (end - (this.starts[index] ?? 0)) * this.recordBytes(index);
    }
  }

  /** True when deleting by size has to begin, so that there is room before appends must stop. */
  get isTight(): boolean {
    return this.total > this.bytesMax * TIGHT_SHARE;
  }

  /** Null while appends are accepted, else why they are not. */
  refusing(): string | null {
    if (this.total < this.bytesMax) return null;
    const held = this.heldBy === null ? "" : `; ${this.heldBy}`;
    return `the log is full: ${Math.round(this.total)} of ${this.bytesMax} bytes are used${held}`;
  }

  refusal(): MillraceError | null {
    const why = this.refusing();
    return why === null ? null : new MillraceError("LOG_FULL", why);
  }

  /** Throws the refusal, if there is one. */
  check(): void {
    const refusal = this.refusal();
    if (refusal !== null) throw refusal;
  }
}
