import { giveBack } from "../../../wire/give-back.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { SourcePosition } from "../../../core/source-position.ts";
import type { MetricShape } from "./series-names.ts";

/** Values of the column `kind`. */
export const KIND = { number: 0, boolean: 1, text: 2 } as const;

/** Where in the numbers of a staged reading each of them stands; times and offsets are two, the lower half first. */
export const FIELD = {
  device: 0,
  shape: 1,
  ts: 2,
  partition: 4,
  generation: 5,
  offset: 6,
  step: 8,
  index: 9,
  stage: 10,
  /** The place of its first value. */
  values: 11,
} as const;
export const FIELDS = 12;

/** Of a row in the block, without its device and text. */
const ROW_BYTES = 50;
const INITIAL_READINGS = 256;
const INITIAL_VALUES = 8 * INITIAL_READINGS;
export const TWO_32 = 2 ** 32;

/** The readings of one insert as numbers, so that neither they nor their rows are objects until all are there. */
export class StagedReadings {
  /** `FIELDS` for each reading. */
  numbers = new Uint32Array(FIELDS * INITIAL_READINGS);
  /** Of each value its `kind`, and its number; of a text its place in `texts`. */
  kinds = new Uint8Array(INITIAL_VALUES);
  values = new Float64Array(INITIAL_VALUES);
  readonly texts: string[] = [];
  /** Stages that made them. */
  readonly stages: string[] = [];
  readings = 0;
  rows = 0;
  derived = 0;
  /** About so many bytes are their rows. */
  byteLength = 0;

  /** `device` is its number, which the caller gives. RangeError when an offset or a time is no safe integer. */
  add(device: number, shape: MetricShape, reading: Reading, source: SourcePosition): void {
    const { names } = shape;
    this.#reserve(names.length);
    const at = FIELDS * this.readings;
    const { numbers } = this;
    numbers[at + FIELD.device] = device;
    numbers[at + FIELD.shape] = shape.number;
    writeInteger(numbers, at + FIELD.ts, reading.ts);
    numbers[at + FIELD.partition] = source.partition;
    numbers[at + FIELD.generation] = source.generation;
    writeInteger(numbers, at + FIELD.offset, source.offset);
    numbers[at + FIELD.step] = source.step;
    numbers[at + FIELD.index] = source.index;
    numbers[at + FIELD.stage] = this.#stageOf(source.stage);
    numbers[at + FIELD.values] = this.rows;
    for (const name of names) this.#addValue(reading.metrics[name] ?? 0);
    this.readings += 1;
    this.byteLength += names.length * (ROW_BYTES + reading.device.length);
  }

  /** The event time of a reading, UTC ms. */
  timeOf(reading: number): number {
    const at = FIELDS * reading + FIELD.ts;
    return (this.numbers[at + 1] ?? 0) * TWO_32 + (this.numbers[at] ?? 0);
  }

  /** Nobody asks for a value any more. */
  giveBack(): void {
    giveBack([this.numbers, this.kinds, this.values]);
  }

  #addValue(value: number | boolean | string): void {
    const row = this.rows;
    this.rows = row + 1;
    if (typeof value === "number") {
      this.kinds[row] = KIND.number;
      this.values[row] = value;
    } else if (typeof value === "boolean") {
      this.kinds[row] = KIND.boolean;
      this.values[row] = value ? 1 : 0;
    } else {
      this.kinds[row] = KIND.text;
      this.values[row] = this.texts.length;
      this.texts.push(value);
      this.byteLength += Buffer.byteLength(value);
    }
  }

  #stageOf(stage: string): number {
    const known = this.stages.indexOf(stage);
    return known >= 0 ? known : this.stages.push(stage) - 1;
  }

  #reserve(values: number): void {
    if (FIELDS * (this.readings + 1) > this.numbers.length) {
      const grown = new Uint32Array(2 * this.numbers.length);
      grown.set(this.numbers);
      giveBack([this.numbers]);
      this.numbers = grown;
    }
    if (this.rows + values <= this.values.length) return;
    const length = Math.max(2 * this.values.length, this.rows + values);
    const [kinds, numbers] = [new Uint8Array(length), new Float64Array(length)];
    kinds.set(this.kinds);
    numbers.set(this.values);
    giveBack([this.kinds, this.values]);
    this.kinds = kinds;
    this.values = numbers;
  }
}

function writeInteger(numbers: Uint32Array, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  numbers[at] = value >>> 0;
  numbers[at + 1] = Math.floor(value / TWO_32);
}
