import { RowBinaryWriter } from "../../wire/row-binary.ts";
import type { SourcePosition } from "../../core/source-position.ts";
import type { InsertFormat } from "./clickhouse-link.ts";

/** A table as inserts see it: the columns in the order in which rows are written. */
export interface TableShape {
  readonly table: string;
  readonly columns: readonly string[];
  /** Whether the table is partitioned by month; of event time or receive time, the encoder of its rows knows. */
  readonly monthly: boolean;
}

/** The rows of one insert: one table, one partition of it. */
export interface RowSheet {
  readonly shape: TableShape;
  /** As 201703; the number of the partition in tables that are partitioned otherwise, and 0 in those that are not. */
  readonly month: number;
  readonly rows: number;
  /** Those among them that another than the main stage has made. */
  readonly derived: number;
  readonly format: InsertFormat;
  readonly bytes: Uint8Array;
}

interface OpenSheet {
  readonly shape: TableShape;
  readonly month: number;
  readonly from: number;
  readonly to: number;
  readonly writer: RowBinaryWriter;
  rows: number;
  derived: number;
}

/** Columns of every table that say where a row came from; `writeSource` writes them. */
export const SOURCE_COLUMNS = [
  "src_stage",
  "src_partition",
  "src_generation",
  "src_offset",
  "src_step",
  "src_index",
] as const;

export function writeSource(writer: RowBinaryWriter, source: SourcePosition): void {
  writer.string(source.stage);
  writer.uint16(source.partition);
  writer.uint32(source.generation);
  writer.int64(source.offset);
  writer.uint32(source.step);
  writer.uint32(source.index);
}

/** Collects rows for inserts: per table and month, because an insert is deduplicated per partition of a table. */
export class RowSheets {
  readonly #sheets = new Map<string, OpenSheet>();
  readonly #latest = new Map<TableShape, OpenSheet>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  get byteLength(): number {
    let bytes = 0;
    for (const { writer } of this.#sheets.values()) bytes += writer.byteLength;
    return bytes;
  }

  /** Where the next `rows` rows with this time (UTC ms) go. */
  writer(shape: TableShape, timeMs: number, rows: number, derived = 0): RowBinaryWriter {
    const sheet = this.#sheetOf(shape, timeMs);
    sheet.rows += rows;
    sheet.derived += derived;
    this.#rows += rows;
    return sheet.writer;
  }

  /** Where rows of a partition go that is not one of time. */
  writerOfPartition(shape: TableShape, partition: number, rows: number): RowBinaryWriter {
    const sheet = this.#open(shape, { month: partition, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY });
    sheet.rows += rows;
    this.#rows += rows;
    return sheet.writer;
  }

  /** In no order. */
  finish(): readonly RowSheet[] {
    return [...this.#sheets.values()].map(({ shape, month, rows, derived, writer }) => {
      return { shape, month, rows, derived, format: "RowBinary", bytes: writer.finish() };
    });
  }

  #sheetOf(shape: TableShape, timeMs: number): OpenSheet {
    const latest = this.#latest.get(shape);
    if (latest !== undefined && timeMs >= latest.from && timeMs < latest.to) return latest;
    const sheet = this.#open(shape, shape.monthly ? periodAround(timeMs) : ALL_TIME);
    this.#latest.set(shape, sheet);
    return sheet;
  }

  #open(shape: TableShape, period: Period): OpenSheet {
    const key = `${shape.table}/${period.month}`;
    const sheet = this.#sheets.get(key) ?? { shape, ...period, writer: new RowBinaryWriter(), rows: 0, derived: 0 };
    this.#sheets.set(key, sheet);
    return sheet;
  }
}

export interface Period {
  readonly month: number;
  readonly from: number;
  readonly to: number;
}

const ALL_TIME: Period = { month: 0, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** DateTime64 ends with the year 2299; later times are no times that a record of ours can mean. */
export const TIME_MAX = Date.UTC(2299, 0, 1);

/** The UTC month that holds the time, as ClickHouse's toYYYYMM has it. */
export function periodAround(timeMs: number): Period {
  const date = new Date(Math.min(timeMs, TIME_MAX));
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { month: year * 100 + month + 1, from: Date.UTC(year, month), to: Date.UTC(year, month + 1) };
}

/** In the order of table and month, whatever the order in which partitions were read. */
export function inOrder(sheets: readonly RowSheet[]): readonly RowSheet[] {
  const keyOf = ({ shape, month }: RowSheet): string => `${shape.table}/${month}`;
  return sheets.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}
