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
  /** For the audit: looks at every row of `readings`, which takes seconds per ten millions. */
  stored(query: StoredReadingsQuery): Promise<StoredReadings>;
}

/** A cut through the input of a stage: the records before `bounds[partition]` of the log that began with this generation. */
export interface StoredReadingsQuery {
  readonly stage: string;
  readonly firstGeneration: number;
  readonly bounds: readonly number[];
}

/** What the tables hold of what a stage made of the records before a cut. */
export interface StoredReadings {
  readonly rows: number;
  /** Distinct (source, metric): equal to `rows` when nothing is there twice. */
  readonly distinct: number;
  /** Rows per key `tenant/device`. */
  readonly byKey: Readonly<Record<string, number>>;
}
