import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { CsvError, parse } from "csv-parse";
import { errorText, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { CsvMapping } from "./csv/csv-mapping.ts";
import { columnsOf, createRowReader, type RowReader, type RowSkip } from "./csv/read-row.ts";
import type { ReplayMessage } from "./replay/replay.ts";

export interface CsvSourceOptions {
  /** FILE.csv or FILE.csv.gz, with a header. Streamed: its size does not matter. */
  readonly path: string;
  readonly mapping: CsvMapping;
}

export interface CsvCounts {
  rows: number;
  messages: number;
  /** Rows that made no message: no device id (`device`), no time, broken JSON, nothing but missing values (`values`). */
  readonly skipped: Record<RowSkip, number>;
  /** The first such row that is not just empty of values, for the person who wrote the mapping. */
  firstFault: { readonly row: number; readonly what: RowSkip } | null;
  /** Bytes of the file read so far, and all of them: for a progress bar. */
  bytesRead: number;
  bytesTotal: number;
}

/**
 * A recording. `messages` reads the file from its start, in file order; counts are those of the latest reading. Errors: NOT_FOUND,
 * INVALID_INPUT (a column that is not there, broken CSV or gzip).
 */
export interface CsvSource {
  messages(): AsyncGenerator<ReplayMessage, void>;
  counts(): Readonly<CsvCounts>;
}

export interface RecordedDevice {
  readonly id: string;
  readonly messages: number;
}

export function openCsvSource(options: CsvSourceOptions): CsvSource {
  let counts = newCounts(0);
  async function* messages(): AsyncGenerator<ReplayMessage, void> {
    counts = newCounts(await sizeOf(options.path));
    let reader: RowReader | null = null;
    for await (const batch of readRecords(options.path, counts)) {
      for (const cells of batch) {
        if (reader === null) {
          reader = createRowReader(options.mapping, checkHeader(cells, options));
          continue;
        }
        counts.rows++;
        const message = reader(cells);
        if (typeof message === "string") {
          skip(counts, message);
        } else {
          counts.messages++;
          yield message;
        }
      }
    }
    if (reader === null) throw unusable(options.path, "it is empty");
  }
  return { messages, counts: () => counts };
}

/** The devices of a recording in the order of their first message, to be registered before a replay. Reads the whole file. */
export async function listDevices(source: CsvSource): Promise<readonly RecordedDevice[]> {
  const messages = new Map<string, number>();
  for await (const { deviceId } of source.messages()) messages.set(deviceId, (messages.get(deviceId) ?? 0) + 1);
  return Array.from(messages, ([id, count]) => ({ id, messages: count }));
}

/** Records in batches, as they came out of one piece of the file: an await per record would cost more than the parsing. */
async function* readRecords(path: string, counts: CsvCounts): AsyncGenerator<readonly string[][], void> {
  const file = createReadStream(path);
  file.on("data", (chunk) => (counts.bytesRead += chunk.length));
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LIMITS.csvRowBytesMax,
  });
  const steps: [Readable, ...NodeJS.ReadWriteStream[]] = path.endsWith(".gz")
    ? [file, createGunzip(), parser]
    : [file, parser];
  // The parser is destroyed with the error, which the reading loop below throws.
  pipeline(steps, () => undefined);
  try {
    let batch: string[][] = [];
    for await (const record of parser) {
      batch.push(record);
      if (batch.length < 256 && parser.readableLength > 0) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } catch (error) {
    throw unusable(path, errorText(error), error);
  } finally {
    file.destroy();
  }
}

function checkHeader(header: readonly string[], { path, mapping }: CsvSourceOptions): readonly string[] {
  const columns = header.map((name) => name.trim());
  const absent = columnsOf(mapping).filter((name) => !columns.includes(name));
  if (absent.length === 0) return columns;
  throw new MillraceError("INVALID_INPUT", `${path} has no column ${absent.join(", ")}`, {
    remedy: `Its columns: ${columns.join(", ")}.`,
  });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw new MillraceError("NOT_FOUND", `cannot read ${path}: ${errorText(error)}`, { cause: error });
  }
}

function newCounts(bytesTotal: number): CsvCounts {
  const skipped = { device: 0, time: 0, json: 0, values: 0 };
  return { rows: 0, messages: 0, skipped, firstFault: null, bytesRead: 0, bytesTotal };
}

function skip(counts: CsvCounts, what: RowSkip): void {
  counts.skipped[what]++;
  if (what !== "values") counts.firstFault ??= { row: counts.rows, what };
}

function unusable(path: string, why: string, cause?: unknown): MillraceError {
  const options = cause === undefined ? {} : { cause };
  const where = cause instanceof CsvError ? ` (${cause.code})` : "";
  return new MillraceError("INVALID_INPUT", `${path} cannot be read as CSV: ${why}${where}`, options);
}
