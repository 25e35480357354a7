import { alarmLine, windowLine } from "./oracle-lines.ts";
import type { ClickHouseConnection } from "../../sinks/clickhouse/clickhouse-connection.ts";

export interface TableContents {
  /** `count()` of readings. */
  readonly rows: number;
  /** `uniqExact(source, metric)` of readings. */
  readonly distinct: number;
  readonly windows: readonly string[];
  readonly alarms: readonly string[];
}

type Row = readonly (string | number | null)[];

const READINGS = `SELECT count(), uniqExact(src_stage, src_partition, src_generation, src_offset, src_step, src_index, metric)
  FROM readings`;
const WINDOWS = `SELECT device, metric, size_ms, toUnixTimestamp64Milli(start), revision, count, sum, min, max, mean, first, last
  FROM aggregates FINAL`;
const ALARMS = `SELECT device, rule, transition, toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(since), value
  FROM alarm_events`;

/** The tables, asked without any code of the product. */
export async function readTables(connection: ClickHouseConnection): Promise<TableContents> {
  const [[rows, distinct] = []] = await ask(connection, READINGS);
  const windows = (await ask(connection, WINDOWS)).map(([device, metric, size, start, ...figures]) => {
    const [revision = NaN, count = NaN, sum = NaN, min = NaN, max = NaN, mean = NaN, first = NaN, last = NaN] =
      figures.map(Number);
    const window = { revision, count, sum, min, max, mean, first, last };
    return windowLine(`${device} ${metric} ${size} ${start}`, window);
  });
  const alarms = (await ask(connection, ALARMS)).map(([device, rule, transition, ts, since, value]) =>
    alarmLine({
      device: String(device),
      rule: String(rule),
      transition: String(transition),
      ts: Number(ts),
      since: Number(since),
      value: value == null ? null : Number(value),
    }),
  );
  return { rows: Number(rows), distinct: Number(distinct), windows, alarms };
}

async function ask(connection: ClickHouseConnection, sql: string): Promise<Row[]> {
  const { url, username, password, database } = connection;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const response = await fetch(`${url}/?database=${database}`, {
    method: "POST",
    body: `${sql} FORMAT JSONCompactEachRow`,
    headers: { authorization },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`ClickHouse answered ${response.status}: ${text}`);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Row => JSON.parse(line));
}
