import { existsSync } from "node:fs";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLogger } from "../../core/logger.ts";
import { DurableMark } from "./durable-mark.ts";
import { logFile } from "./log-file.ts";
import { EmbeddedLogReader } from "./log-reader.ts";
import { OffsetTable } from "./offset-table.ts";
import { lastCommit, openLogStore, readIdentity, readStarts } from "./log-store.ts";
import { storeError } from "./store-damage.ts";
import type { LogReader, PartitionStatus, TopicPosition } from "../../core/event-log.ts";

/** A log as somebody sees it who only reads it. */
export interface ReadableLog {
  readonly partitionCount: number;
  /** The sequence of the last commit that is read. */
  readonly end: number;
  /** What is kept now. */
  partitions(topic: string): readonly PartitionStatus[];
  /** Whether anybody has ever written to a journal of this name. */
  hasJournal(name: string): boolean;
  openReader(positions: readonly TopicPosition[]): LogReader;
  close(): Promise<void>;
}

/**
 * Opens the log in a directory for reading what it holds now, beside the instance that writes it or without one. Writes nothing. An instance
 * does not start while somebody has its log open: see `refuseLogInUse`. `end`: as of that commit, by default of now. Errors: NOT_FOUND,
 * DATA_FORMAT_UNSUPPORTED, LOG_IO.
 */
export async function readEmbeddedLog(directory: string, end?: number): Promise<ReadableLog> {
  if (!existsSync(logFile(directory))) {
    throw new MillraceError("NOT_FOUND", `there is no log in ${directory}`, {
      remedy: "Name the data directory of an installation with --data.",
    });
  }
  // A larger file makes the map larger.
  const store = openLogStore({ directory, bytesMax: LIMITS.logBytesDefault, readOnly: true, sync: true });
  try {
    const { topology } = readIdentity(store);
    const mark = new DurableMark();
    // Commits that are not synced yet are read too: who only looks loses nothing by it.
    mark.publishSequence(end ?? lastCommit(store));
    // See EmbeddedLogReader.
    store.root.resetReadTxn();
    return {
      partitionCount: topology.partitionCount,
      end: mark.sequence,
      partitions: (topic) => {
        const { head, columns } = readStarts(store, topology);
        const statuses = new OffsetTable(store, topology, head, silentLogger).statuses(
          columns[0] ?? new Float64Array(),
        );
        store.root.resetReadTxn();
        return statuses.filter((status) => status.topic === topic);
      },
      hasJournal(name) {
        const [first] = store.journals.getKeys({ start: [name, 0, 0], limit: 1 });
        store.root.resetReadTxn();
        return first?.[0] === name;
      },
      // Damage is the running instance's to report.
      openReader: (positions) =>
        new EmbeddedLogReader({ directory, store, topology, mark, onCorrupt: () => undefined }, positions),
      close: () => store.root.close(),
    };
  } catch (error) {
    await store.root.close();
    throw storeError(error, directory);
  }
}
