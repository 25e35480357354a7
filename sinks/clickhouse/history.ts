import { createClickHouseLink, type ClickHouseLink } from "./clickhouse-link.ts";
import { readAggregates, readLatest, readReadings } from "./history-rows.ts";
import { readSeries, type RollupChoice } from "./history-series.ts";
import { countStored } from "./stored-readings.ts";
import type { HistoryQueries } from "../../core/history.ts";
import type { ConnectionSource } from "./clickhouse-connection.ts";

const NOTHING_EXPIRES: RollupChoice = { retention: {}, now: Date.now };

/**
 * Questions to the tables. Only fixed SQL with bound values goes out: the embedded ClickHouse cannot keep a query from the disk.
 * Errors: INVALID_INPUT for what breaks a limit, SINK_UNAVAILABLE, SINK_REFUSED.
 */
export function createHistory(
  connection: ConnectionSource,
  choice: RollupChoice = NOTHING_EXPIRES,
): HistoryQueries & { close(): Promise<void> } {
  const link: ClickHouseLink = createClickHouseLink(connection);
  return {
    series: (query) => readSeries(link, query, choice),
    readings: (query) => readReadings(link, query),
    aggregates: (query) => readAggregates(link, query),
    latest: (tenant, device) => readLatest(link, tenant, device),
    stored: (query) => countStored(link, query),
    close: () => link.close(),
  };
}
