import { mkdirSync } from "node:fs";
import { open } from "lmdb";
import { errorText, MillraceError } from "../../core/errors.ts";
import { TOPICS } from "../../core/topics.ts";
import { decodeCheckpoint } from "./checkpoint.ts";
import { LMDB_CODES, lmdbCode } from "./lmdb-codes.ts";
import { logFile } from "./log-file.ts";
import { PAGE_BYTES, recordNumber, type KeyAt } from "./pieces.ts";
import { LogTopology } from "../topology.ts";
import type { Database, RootDatabase } from "lmdb";
import type { JournalId } from "../../core/event-log.ts";
import type { Checkpoint } from "./checkpoint.ts";

export type JournalKey = [name: string, partition: number, entry: number];

/** The LMDB environment and what is in it. All values are bytes of ours. */
export interface LogStore {
  readonly root: RootDatabase<Buffer, string>;
  /** `format`: version, partitions, topics. `starts`: a checkpoint of start offsets, its head the first sequence kept. */
  readonly meta: Database<Buffer, string>;
  /** Commit sequence → commit record, in pieces (`pieces.ts`). Sequences are dense. */
  readonly commits: Database<Buffer, number>;
  /** Commit sequence → checkpoint of next offsets and last timestamps as after that commit. Sparse. */
  readonly index: Database<Buffer, number>;
  /** In pieces too. */
  readonly journals: Database<Buffer, JournalKey>;
  /** Key → telemetry records that retention deleted, f64. */
  readonly deleted: Database<Buffer, string>;
}

interface LogFormat {
  readonly version: number;
  readonly partitionCount: number;
  readonly topics: readonly string[];
  /** Logs of the first release have none. */
  readonly generation?: number;
}

/** 1: commits and journal entries are whole values. What a log has of those stays as it is. */
const FORMAT_VERSION = 2;
const FORMAT_VERSION_MIN = 1;
const GIB = 1024 ** 3;
const FOREIGN_FILE_CODES: readonly (number | null)[] = [
  LMDB_CODES.invalid,
  LMDB_CODES.versionMismatch,
  LMDB_CODES.corrupted,
];

export interface StoreOptions {
  readonly directory: string;
  readonly bytesMax: number;
  readonly readOnly: boolean;
  readonly sync: boolean;
}

/**
 * Opens the environment. lmdb-js keeps one MDB_env per file and process and counts its users, so every thread of the process may open
 * it; those that only read open it read-only, which spares the write transaction that opening a database otherwise takes.
 */
export function openLogStore(options: StoreOptions): LogStore {
  const { directory, readOnly } = options;
  try {
    if (!readOnly) mkdirSync(directory, { recursive: true });
    const root: RootDatabase<Buffer, string> = open({
      path: logFile(directory),
      encoding: "binary",
      maxDbs: 12,
      // Sparse, and far above the ceiling: lmdb-js moves a map that grows beyond this, under the eyes of the readers.
      mapSize: Math.ceil((options.bytesMax * 2) / GIB) * GIB + 4 * GIB,
      overlappingSync: false,
      noSync: !options.sync,
      readOnly,
      // Otherwise lmdb-js opens a second block around each batch, whose failed promise nobody can catch.
      eventTurnBatching: false,
    });
    return {
      root,
      meta: root.openDB("meta", { encoding: "binary" }),
      commits: root.openDB("commits", { encoding: "binary" }),
      index: root.openDB("index", { encoding: "binary" }),
      journals: root.openDB("journals", { encoding: "binary" }),
      deleted: root.openDB("deleted", { encoding: "binary" }),
    };
  } catch (error) {
    throw openError(directory, error);
  }
}

function openError(directory: string, cause: unknown): MillraceError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EACCES" || code === "EROFS" || code === "ENOTDIR" || code === 13 || code === 30) {
    return new MillraceError("DATA_DIRECTORY_UNWRITABLE", `cannot write to ${directory}: ${errorText(cause)}`, {
      cause,
      remedy: "give this user write access to the directory, or choose another one",
    });
  }
  if (FOREIGN_FILE_CODES.includes(lmdbCode(cause))) {
    return new MillraceError(
      "DATA_FORMAT_UNSUPPORTED",
      `${directory} holds no log that can be read: ${errorText(cause)}`,
      {
        cause,
        remedy: "restore the directory from a backup, or move it away to start with an empty log",
      },
    );
  }
  return new MillraceError("LOG_IO", `cannot open the log in ${directory}: ${errorText(cause)}`, { cause });
}

/** What a log is and stays, from the moment that it is made. */
export interface LogIdentity {
  readonly topology: LogTopology;
  readonly generation: number;
  /** True when it was made now. */
  readonly isNew: boolean;
}

/** Reads the log's format, or writes it into a new log, with its generation. DATA_FORMAT_UNSUPPORTED, CONFIG_INVALID. */
export async function establishIdentity(
  store: LogStore,
  partitionCount: number,
  generation: number,
): Promise<LogIdentity> {
  const stored = readCheckedFormat(store);
  if (stored === null) {
    const format: LogFormat = { version: FORMAT_VERSION, partitionCount, topics: TOPICS, generation };
    await store.meta.put("format", Buffer.from(JSON.stringify(format)));
    return { topology: new LogTopology(TOPICS, partitionCount), generation, isNew: true };
  }
  if (stored.partitionCount !== partitionCount) {
    throw new MillraceError(
      "CONFIG_INVALID",
      `the log was created with ${stored.partitionCount} partitions and cannot be opened with ${partitionCount}`,
      { remedy: `set the number of partitions to ${stored.partitionCount}, or choose an empty data directory` },
    );
  }
  const topics = [...stored.topics, ...TOPICS.filter((topic) => !stored.topics.includes(topic))];
  if (topics.length > stored.topics.length || stored.version < FORMAT_VERSION) {
    await store.meta.put("format", Buffer.from(JSON.stringify({ ...stored, topics, version: FORMAT_VERSION })));
  }
  return { topology: new LogTopology(topics, partitionCount), generation: stored.generation ?? 0, isNew: false };
}

/** What the log is, for who does not write it. DATA_FORMAT_UNSUPPORTED. */
export function readIdentity(store: LogStore): LogIdentity {
  const stored = readCheckedFormat(store);
  if (stored === null) throw new MillraceError("DATA_FORMAT_UNSUPPORTED", "the log has no format record yet");
  const topics = [...stored.topics, ...TOPICS.filter((topic) => !stored.topics.includes(topic))];
  return {
    topology: new LogTopology(topics, stored.partitionCount),
    generation: stored.generation ?? 0,
    isNew: false,
  };
}

/** Null in a log that is being made. */
function readCheckedFormat(store: LogStore): LogFormat | null {
  const stored = readFormat(store);
  if (stored === null || (stored.version >= FORMAT_VERSION_MIN && stored.version <= FORMAT_VERSION)) return stored;
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    `the log has data format ${stored.version}; this release reads formats up to ${FORMAT_VERSION}`,
    { remedy: "start the release that wrote the log" },
  );
}

function readFormat(store: LogStore): LogFormat | null {
  const bytes = store.meta.get("format");
  if (bytes === undefined) return null;
  const format: unknown = JSON.parse(bytes.toString("utf8"));
  if (isFormat(format)) return format;
  throw new MillraceError("DATA_FORMAT_UNSUPPORTED", "the log's format record cannot be read", {
    remedy: "restore the directory from a backup",
  });
}

function isFormat(value: unknown): value is LogFormat {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "number" &&
    "partitionCount" in value &&
    typeof value.partitionCount === "number" &&
    "topics" in value &&
    Array.isArray(value.topics)
  );
}

export const commitAt: KeyAt<number> = (sequence) => sequence;

/** The keys of a journal's entries. */
export function entriesOf({ name, partition }: JournalId): KeyAt<JournalKey> {
  return (entry) => [name, partition, entry];
}

/** Of the last commit that is stored; 0 when there is none. */
export function lastCommit(store: LogStore): number {
  const [last = 0] = store.commits.getKeys({ reverse: true, limit: 1 });
  return recordNumber(last);
}

/** Start offsets, and as head the first commit sequence that is kept. */
export function readStarts(store: LogStore, topology: LogTopology): Checkpoint {
  const bytes = store.meta.get("starts");
  const starts = bytes === undefined ? null : decodeCheckpoint(bytes, topology.size);
  return starts ?? { head: 1, columns: [new Float64Array(topology.size)] };
}

/** Bytes of the pages in use. What deleted pages still take in the file is used again. */
export function usedBytes(store: LogStore): number {
  let pages = 0;
  for (const database of [store.commits, store.index, store.journals, store.deleted]) {
    const stats: unknown = database.getStats();
    if (!isPageStats(stats)) throw new MillraceError("LOG_IO", "lmdb gives no page statistics");
    pages += stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages;
  }
  return pages * PAGE_BYTES;
}

interface PageStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function isPageStats(stats: unknown): stats is PageStats {
  return (
    typeof stats === "object" &&
    stats !== null &&
    "treeBranchPageCount" in stats &&
    "treeLeafPageCount" in stats &&
    "overflowPages" in stats
  );
}
