import { installationId } from "../../app/data-directory.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { countDisordered, countMissing, countReadingsWrong } from "./ledger-comparison.ts";
import { readLog, type LogContents } from "./log-contents.ts";
import { countDifferent, oracleLines } from "./oracle-lines.ts";
import { RULES, TENANT } from "./provision.ts";
import { readTables } from "./table-contents.ts";
import type { Cluster } from "../support/cluster.ts";
import type { Fleet } from "./fleet.ts";
import type { Figures } from "./verdict.ts";

export type Judged = Pick<
  Figures,
  | "missing"
  | "disordered"
  | "readingsWrong"
  | "windows"
  | "windowsWrong"
  | "windowRowsWrong"
  | "alarms"
  | "alarmsWrong"
  | "alarmRowsWrong"
  | "rows"
  | "distinctRows"
  | "values"
>;

export interface JudgeOptions {
  readonly cluster: Cluster;
  readonly fleet: Fleet;
  readonly prefix: string;
  readonly partitions: number;
  /** Event time up to which was flushed. */
  readonly flushUpTo: number;
}

/** Compares log and tables with the generator's ledger and with the oracles. */
export async function judge({ cluster, fleet, prefix, partitions, flushUpTo }: JudgeOptions): Promise<Judged> {
  if (cluster.clickhouse === null) throw new Error("there are no tables");
  const contents = await readAll(cluster, prefix, partitions);
  const tables = await readTables(cluster.clickhouse.connection());
  const oracle = oracleLines(contents.partitions, TENANT, RULES, flushUpTo);
  return {
    missing: countMissing(contents, fleet.devices),
    disordered: countDisordered(contents),
    readingsWrong: countReadingsWrong(contents),
    windows: oracle.windows.length,
    windowsWrong: countDifferent(oracle.windows, contents.windows),
    windowRowsWrong: countDifferent(oracle.windows, tables.windows),
    alarms: oracle.alarms.length,
    alarmsWrong: countDifferent(oracle.alarms, contents.alarms),
    alarmRowsWrong: countDifferent(oracle.alarms, tables.alarms),
    rows: tables.rows,
    distinctRows: tables.distinct,
    values: contents.values,
  };
}

async function readAll(cluster: Cluster, prefix: string, partitions: number): Promise<LogContents> {
  const installation = installationId(Buffer.from(cluster.secret, "hex"));
  const { addresses } = cluster.kafka;
  const log = await openTestKafkaLog(addresses, createPlatformaticClient, partitions, prefix, { installation });
  try {
    return await readLog(log);
  } finally {
    await log.close(AbortSignal.timeout(5000));
  }
}
