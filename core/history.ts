import type { Aggregate } from "./derived-records.ts";

/** Bounded questions to the tables, asked by api and answered by sinks/clickhouse. Errors: SINK_UNAVAILABLE, INVALID_INPUT. */
export interface SeriesQuery {
  readonly tenant: string;
  readonly device: string;
  readonly metric: string;
  /** Event time [from, to), UTC ms. */
  readonly from: number;
  readonly to: number;
  /** Down-sampled on the server to at most this many points. */
  readonly pointsMax: number;
}

/** When down-sampled, `value` is the mean of the bucket that starts at `ts`, with its extremes and count. */
export interface SeriesPoint {
  readonly ts: number;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export interface Series {
  readonly points: readonly SeriesPoint[];
  /** Width of a bucket in ms; 0 when the points are raw readings. */
  readonly bucketMs: number;
}

export interface RawReading {
  readonly ts: number;
  readonly metric: string;
  readonly value: number | string;
}

export interface HistoryQueries {
  series(query: SeriesQuery): Promise<Series>;
  /** Newest first. */
  readings(query: {
    tenant: string;
    device: string;
    from: number;
    to: number;
    limit: number;
  }): Promise<readonly RawReading[]>;
  aggregates(query: {
    tenant: string;
    device: string;
    metric?: string;
    sizeMs: number;
    from: number;
    to: number;
    limit: number;
  }): Promise<readonly Aggregate[]>;
  /** Last value of every metric of the devices named (all when absent). */
  latest(tenant: string, device?: string): Promise<readonly (RawReading & { readonly device: string })[]>;
  /** For the ledger: rows in each table. `proof` adds what needs a look at every row, which takes seconds. */
  tally(proof: boolean): Promise<HistoryTally>;
}

export interface HistoryTally {
  readonly readingRows: number;
  /** Distinct (source, metric) in `readings`. Null without `proof`. */
  readonly readingDistinct: number | null;
  readonly aggregateRows: number;
  readonly alarmEventRows: number;
  readonly quarantineRows: number;
  readonly deadLetterRows: number;
  /** Reading rows per key `tenant/device`. Null without `proof`. */
  readonly readingRowsByDevice: Readonly<Record<string, number>> | null;
}
