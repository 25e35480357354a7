import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";

/** The tables of a stopped instance. */
export interface Tables {
  /** Rows as arrays, one per row. */
  rows(sql: string): Promise<(string | number | null)[][]>;
  close(): Promise<void>;
}

/** Opens the embedded ClickHouse's folder directly: nothing of the instance's own reading code is in between. */
export async function openTables(data: string): Promise<Tables> {
  const chdb = createChdbProcess({
    path: join(data, "clickhouse"),
    environment: process.env,
    clock: systemClock,
    logger: silentLogger,
    onFault: () => undefined,
    // An oracle keeps this thread for longer than a supervisor should wait.
    probeTimeoutMs: 600_000,
  });
  await chdb.start();
  return {
    async rows(sql) {
      const connection = chdb.connection();
      if (connection === null) throw new Error("the embedded ClickHouse is down");
      const { url, username, password, database } = connection;
      const response = await fetch(`${url}/?database=${database}`, {
        method: "POST",
        body: `${sql} FORMAT JSONCompactEachRow`,
        headers: {
          authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
          // And longer than the server keeps an idle connection.
          connection: "close",
        },
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`ClickHouse answered ${response.status}: ${text}`);
      const lines = text.split("\n").filter((line) => line !== "");
      return lines.map((line): (string | number | null)[] => JSON.parse(line));
    },
    close: () => chdb.stop(AbortSignal.timeout(5000)),
  };
}
