import { systemClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { createChdbProcess } from "../sinks/clickhouse/chdb/chdb-process.ts";
import { startClickHouseServer } from "../test/support/clickhouse-server.ts";

/** A process of its own that stands for a ClickHouse server: its first message says where it is, and which process is ClickHouse itself. */
export interface TablesServerReady {
  readonly url: string;
  readonly chdbPid: number;
}

// However the one ends that wanted it.
process.once("disconnect", () => process.exit(1));
process.once("message", (path: string) => void serve(path));

async function serve(path: string): Promise<void> {
  const onFault = (): void => undefined;
  const chdb = createChdbProcess({ path, environment: process.env, clock: systemClock, logger: silentLogger, onFault });
  await chdb.start();
  const server = await startClickHouseServer(() => chdb.connection());
  process.send?.({ url: server.url(), chdbPid: chdb.pid() ?? 0 } satisfies TablesServerReady);
  const stop = async (): Promise<void> => {
    await server.down();
    await chdb.stop(AbortSignal.timeout(5000));
    process.exit(0);
  };
  process.once("message", () => void stop());
}
