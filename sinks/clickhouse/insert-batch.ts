import { HEADER, isControlRecord, type LogRecord } from "../../core/record.ts";
import { REPLAY_STAGE } from "../../core/stage.ts";
import { parseSourcePosition, type SourcePosition } from "../../core/source-position.ts";
import { readReading } from "../../wire/reading-reader.ts";
import { erasureOf, type ErasedDevices, type Erasure } from "./erased-devices.ts";
import { writeDirtyBuckets } from "./rollups/dirty-buckets.ts";
import { storeReading } from "./rows/reading-rows.ts";
import { writeSuperseded } from "./rows/superseded-rows.ts";
import { encoderOfTopic } from "./rows/encoder-of-topic.ts";
import { inOrder, type RowSheet } from "./row-sheets.ts";
import type { FetchedSlice, TopicPartition } from "../../core/event-log.ts";
import { newRowTarget, type RowTarget } from "./rows/row-encoder.ts";
import type { SourceMarks } from "../../engine/source-marks.ts";
import type { TracedRows } from "./traced-rows.ts";

/** Offsets [from, to) of one partition. */
export interface OffsetRange extends TopicPartition {
  readonly from: number;
  readonly to: number;
}

/** A record that has no rows because its value is not what its topic promises: a bug of a producer. */
export interface BadRecord extends TopicPartition {
  readonly offset: number;
}

/** Turns slices of the log into rows: what is read between two plans. */
export class InsertBatch {
  readonly #marks: SourceMarks;
  readonly #ranges = new Map<string, OffsetRange>();
  readonly #target: RowTarget = newRowTarget();
  readonly #erased: ErasedDevices;
  /** Null: no record is traced. */
  readonly traced: TracedRows | null;
  readonly bad: BadRecord[] = [];
  /** Removals among the records, in the order in which they came. */
  readonly erasures: Erasure[] = [];
  repeats = 0;
  corrupt = 0;

  constructor(marks: SourceMarks, erased: ErasedDevices, traced: TracedRows | null = null) {
    this.#marks = marks;
    this.#erased = erased;
    this.traced = traced;
  }

  get rows(): number {
    return this.#target.sheets.rows + this.#target.readings.rows;
  }

  get byteLength(): number {
    return this.#target.sheets.byteLength + this.#target.readings.byteLength;
  }

  get isEmpty(): boolean {
    return this.#ranges.size === 0;
  }

  ranges(): readonly OffsetRange[] {
    return [...this.#ranges.values()];
  }

  /** Takes the records of a slice that was read from offset `from` on. */
  add(slice: FetchedSlice, from: number): void {
    const { topic, partition, records, nextOffset, corrupt } = slice;
    const key = `${topic} ${partition}`;
    const start = this.#ranges.get(key)?.from ?? from;
    this.#ranges.set(key, { topic, partition, from: start, to: nextOffset });
    if (corrupt !== undefined) this.corrupt += corrupt.toOffset - corrupt.fromOffset;
    const encode = encoderOfTopic(topic);
    if (encode === undefined) return;
    for (const record of records) {
      if (isControlRecord(record)) continue;
      const source = sourceOf(record, slice);
      const isNew = this.#marks.takeIfNew(topic, partition, source);
      if (!isNew) this.repeats += 1;
      if (this.#erased.covers(record.key, source)) continue;
      if (!isNew) {
        this.#noteRemoval(topic, record, source);
        continue;
      }
      if (this.#noteRemoval(topic, record, source)) continue;
      this.traced?.read(record, slice);
      const stored =
        topic === "readings"
          ? this.#storeReading(record, source)
          : encode(parseValue(record.value), source, this.#target);
      if (!stored) this.bad.push({ topic, partition, offset: record.offset });
    }
  }

  /** Nearly all records are readings: not looked at again, after what reads them. */
  #storeReading(record: LogRecord, source: SourcePosition): boolean {
    const reading = readReading(record);
    if (reading === null || !storeReading(reading, source, this.#target)) return false;
    if (source.stage === REPLAY_STAGE) writeSuperseded(record, reading, this.#target);
    return true;
  }

  /** True when the record tells a removal. One that is not known is noted though it repeats: a damaged journal has lost it. */
  #noteRemoval(topic: string, { value }: LogRecord, source: SourcePosition): boolean {
    const erasure = topic === "device-events" ? erasureOf(topic, parseValue(value), source) : null;
    if (erasure === null) return false;
    this.erasures.push(erasure);
    this.#erased.add([erasure]);
    return true;
  }

  /** The inserts, in the order of table and month; marks for the roll-ups go to `slot`. The batch takes nothing more afterwards. */
  finish(slot: number): readonly RowSheet[] {
    const { sheets, latest, readings } = this.#target;
    const ofReadings = readings.finish(latest);
    latest.write(sheets);
    writeDirtyBuckets(sheets, latest, slot);
    return inOrder([...ofReadings, ...sheets.finish()]);
  }
}

/** Undefined when it is not JSON: no topic's shape. */
function parseValue(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What no stage made (a gateway's device event) is identified by where it lies. */
function sourceOf(record: LogRecord, { topic, partition }: TopicPartition): SourcePosition {
  const text = record.header(HEADER.source);
  const parsed = text === undefined ? null : parseSourcePosition(text);
  return parsed ?? { stage: "", topic, partition, generation: 0, offset: record.offset, step: 0, index: 0 };
}
