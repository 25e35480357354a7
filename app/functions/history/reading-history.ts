import type { DeviceType } from "../../../core/device-type.ts";
import type { DeviceState } from "../../../core/control.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { ReferenceTable } from "../../../core/reference-table.ts";
import type { LogRecord } from "../../../core/record.ts";

/** Event time [from, to), UTC ms. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** One reading of the past. */
export interface PastReading {
  readonly partition: number;
  readonly record: LogRecord;
  readonly reading: Reading;
  /** The user's function that derived it; null of what a device sent, and where nothing tells. */
  readonly maker: string | null;
}

/** What devices are: of now, since the past does not say. */
export interface DeviceConfiguration {
  readonly types: readonly DeviceType[];
  readonly devices: readonly DeviceState[];
  /** Of each partition of readings its devices, so that none has to know all of them; absent where that is not known. */
  readonly byPartition?: ReadonlyMap<number, readonly DeviceState[]>;
  /** What functions join with; absent where that is not known. */
  readonly tables?: readonly ReferenceTable[];
}

/** Partitions of readings in a log, as it was when it was opened: whoever reads by this finds the same. Plain values, for other threads too. */
export interface LogExtent {
  /** The data directory. */
  readonly data: string;
  /** The sequence of the last commit. */
  readonly end: number;
  readonly partitions: readonly PartitionExtent[];
}

/** Offsets [startOffset, endOffset). */
export interface PartitionExtent {
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
}

/** Readings of an installation, as its log or its tables hold them. */
export interface ReadingHistory {
  /** For people: "the log in data/log". */
  readonly place: string;
  /** False where derived readings are stored without who made them, and booleans as 1 and 0. */
  readonly isExact: boolean;
  /** Receive time before which nothing is there any more; 0 where all that ever came still is. */
  readonly since: number;
  readonly configuration: DeviceConfiguration;
  /** Where several threads may read it, each some partitions; absent where one has to. */
  readonly log?: LogExtent;
  /**
   * Readings of the range, each partition in its order; the same range gives the same readings in the same batches per partition. `devices`: only
   * of these.
   */
  read(range: TimeRange, devices?: ReadonlySet<string>): AsyncIterable<readonly PastReading[]>;
  /**
   * The same of all partitions in one order, by receive time (`mergeByReceiveTime`): the same range gives the same order. INVALID_INPUT where
   * receive times are not known.
   */
  readByReceiveTime(range: TimeRange): AsyncIterable<readonly PastReading[]>;
  close(): Promise<void>;
}
