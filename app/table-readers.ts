import { createDeadLetterQueue } from "../sinks/clickhouse/dead-letter-queue.ts";
import { createHistory } from "../sinks/clickhouse/history.ts";
import { createRejects } from "../sinks/clickhouse/rejects.ts";
import type { DeadLetterQueue } from "../core/dead-letter-queue.ts";
import type { HistoryQueries } from "../core/history.ts";
import type { Rejects } from "../core/rejects.ts";
import type { ClickHouseConnection } from "../sinks/clickhouse/clickhouse-connection.ts";
import type { RollupChoice } from "../sinks/clickhouse/history-series.ts";

/** What is asked of the tables. */
export interface TableReaders {
  readonly history: HistoryQueries;
  readonly rejects: Rejects;
  readonly deadLetters: DeadLetterQueue;
}

/** Where ClickHouse is now; null while it is nowhere. */
export type LocateTables = () => Promise<ClickHouseConnection | null>;

/** A module of its own, loaded where there are tables: the client of ClickHouse comes with it. */
export function createTableReaders(locate: LocateTables, rollups?: RollupChoice): TableReaders {
  return {
    history: createHistory(locate, rollups),
    rejects: createRejects(locate),
    deadLetters: createDeadLetterQueue(locate),
  };
}
