import { giveBack } from "../../../wire/give-back.ts";
import {
  dictionaryColumn,
  dictionaryIndexes,
  nativeBlock,
  nativeText,
  numberColumn,
  textColumn,
  type NativeColumn,
} from "../../../wire/native-block.ts";
import { keepLatest, type LatestValues } from "./latest-values.ts";
import { orderReadings, type GroupRows } from "./reading-order.ts";
import { FIELD, FIELDS, KIND, TWO_32, type StagedReadings } from "./staged-readings.ts";
import type { SeriesNames } from "./series-names.ts";

/** The columns of rows; times and offsets are two halves each. */
interface ReadingRows {
  readonly device: Uint32Array<ArrayBuffer>;
  readonly ts: Uint32Array<ArrayBuffer>;
  readonly kind: Uint8Array<ArrayBuffer>;
  readonly number: Float64Array<ArrayBuffer>;
  readonly stage: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  readonly partition: Uint16Array<ArrayBuffer>;
  readonly generation: Uint32Array<ArrayBuffer>;
  readonly offset: Uint32Array<ArrayBuffer>;
  readonly step: Uint32Array<ArrayBuffer>;
  readonly index: Uint32Array<ArrayBuffer>;
}

/** The rows of all readings as one block of format Native; `latest` gets the newest value of each series. */
export function readingBlock(staged: StagedReadings, names: SeriesNames, latest: LatestValues): Uint8Array {
  const order = orderReadings(staged, names, latest.devices);
  const rows = dealOut(staged, names, order.readings, order.starts);
  keepNewest(rows, order.groups, staged.texts, latest);
  const texts = takeTexts(rows, staged.texts);
  const columns = [
    groupColumn("tenant", staged.rows, order.groups),
    deviceColumn(rows.device, latest),
    groupColumn("metric", staged.rows, order.groups),
    numberColumn("ts", "DateTime64(3, 'UTC')", rows.ts),
    numberColumn("kind", "Enum8('number' = 0, 'boolean' = 1, 'text' = 2)", rows.kind),
    numberColumn("number", "Float64", rows.number),
    texts,
    dictionaryColumn("src_stage", staged.stages, rows.stage),
    numberColumn("src_partition", "UInt16", rows.partition),
    numberColumn("src_generation", "UInt32", rows.generation),
    numberColumn("src_offset", "UInt64", rows.offset),
    numberColumn("src_step", "UInt32", rows.step),
    numberColumn("src_index", "UInt32", rows.index),
  ];
  const block = nativeBlock(staged.rows, columns);
  // It has copies of them.
  for (const { data } of columns) giveBack(data);
  return block;
}

function emptyRows(rows: number, stages: number): ReadingRows {
  return {
    device: new Uint32Array(rows),
    ts: new Uint32Array(2 * rows),
    kind: new Uint8Array(rows),
    number: new Float64Array(rows),
    stage: dictionaryIndexes(stages, rows),
    partition: new Uint16Array(rows),
    generation: new Uint32Array(rows),
    offset: new Uint32Array(2 * rows),
    step: new Uint32Array(rows),
    index: new Uint32Array(rows),
  };
}

/** Puts each row where it belongs. What the rows of a reading have in common is read once. */
function dealOut(staged: StagedReadings, names: SeriesNames, order: Uint32Array, starts: Uint32Array): ReadingRows {
  const rows = emptyRows(staged.rows, staged.stages.length);
  const { device, ts, kind, number, stage, partition, generation, offset, step, index } = rows;
  const { numbers, kinds, values } = staged;
  const next = Uint32Array.from(starts);
  for (const reading of order) {
    const at = FIELDS * reading;
    const groups = names.shapes[numbers[at + FIELD.shape] ?? 0]?.groups ?? [];
    const [ofDevice = 0, ofStage = 0, first = 0] = [
      numbers[at + FIELD.device],
      numbers[at + FIELD.stage],
      numbers[at + FIELD.values],
    ];
    const [tsLow = 0, tsHigh = 0] = [numbers[at + FIELD.ts], numbers[at + FIELD.ts + 1]];
    const [offsetLow = 0, offsetHigh = 0] = [numbers[at + FIELD.offset], numbers[at + FIELD.offset + 1]];
    for (let n = 0; n < groups.length; n += 1) {
      const group = groups[n] ?? 0;
      const row = next[group] ?? 0;
      next[group] = row + 1;
      device[row] = ofDevice;
      ts[2 * row] = tsLow;
      ts[2 * row + 1] = tsHigh;
      kind[row] = kinds[first + n] ?? 0;
      number[row] = values[first + n] ?? 0;
      stage[row] = ofStage;
      partition[row] = numbers[at + FIELD.partition] ?? 0;
      generation[row] = numbers[at + FIELD.generation] ?? 0;
      offset[2 * row] = offsetLow;
      offset[2 * row + 1] = offsetHigh;
      step[row] = numbers[at + FIELD.step] ?? 0;
      index[row] = numbers[at + FIELD.index] ?? 0;
    }
  }
  return rows;
}

/** Tells the newest value of each series, by event time, and the later arrival among equals. */
function keepNewest(
  { device, ts, kind, number }: ReadingRows,
  groups: readonly GroupRows[],
  texts: readonly string[],
  latest: LatestValues,
): void {
  const timeOf = (row: number): number => (ts[2 * row + 1] ?? 0) * TWO_32 + (ts[2 * row] ?? 0);
  for (const { metric, from, to } of groups) {
    let newest = from;
    for (let row = from; row < to; row += 1) {
      if (device[row] !== device[newest] || timeOf(row) >= timeOf(newest)) newest = row;
      if (row + 1 < to && device[row + 1] === device[row]) continue;
      const values = latest.devices[device[row] ?? 0];
      if (values === undefined) continue;
      const [ofKind = 0, value = 0] = [kind[newest], number[newest]];
      const isText = ofKind === KIND.text;
      keepLatest(values, metric, timeOf(newest), ofKind, isText ? 0 : value, isText ? (texts[value] ?? "") : "");
    }
  }
}

/** The column of texts. The rows that have one hold its place as their number, which is 0 from then on. */
function takeTexts({ kind, number }: ReadingRows, texts: readonly string[]): NativeColumn {
  // A text of no characters is a byte 0.
  if (texts.length === 0) return textColumn("text", [new Uint8Array(kind.length)]);
  const bytes: Uint8Array[] = [];
  const none = new Uint8Array(kind.length);
  let from = 0;
  for (let row = 0; row < kind.length; row += 1) {
    if (kind[row] !== KIND.text) continue;
    if (row > from) bytes.push(none.subarray(from, row));
    bytes.push(nativeText(texts[number[row] ?? 0] ?? ""));
    number[row] = 0;
    from = row + 1;
  }
  bytes.push(none.subarray(from));
  return textColumn("text", bytes);
}

function groupColumn(name: "tenant" | "metric", rows: number, groups: readonly GroupRows[]): NativeColumn {
  const keys = [...new Set(groups.map((group) => group[name]))];
  const places = new Map(keys.map((key, place) => [key, place]));
  const indexes = dictionaryIndexes(keys.length, rows);
  for (const group of groups) indexes.fill(places.get(group[name]) ?? 0, group.from, group.to);
  return dictionaryColumn(name, keys, indexes);
}

/** Rows of one device lie together: its name is written once for all of them. */
function deviceColumn(devices: Uint32Array, latest: LatestValues): NativeColumn {
  const names = latest.devices.map(({ device }) => nativeText(device));
  let length = 0;
  for (const device of devices) length += names[device]?.length ?? 0;
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (let row = 0; row < devices.length;) {
    const from = row;
    while (row < devices.length && devices[row] === devices[from]) row += 1;
    const name = names[devices[from] ?? 0] ?? Buffer.alloc(0);
    const end = at + (row - from) * name.length;
    bytes.fill(name, at, end);
    at = end;
  }
  return textColumn("device", [bytes]);
}
