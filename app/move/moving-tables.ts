import { createChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { createClickHouseSink } from "../../sinks/clickhouse/clickhouse-sink.ts";
import { parseClickHouseUrl } from "../../sinks/clickhouse/clickhouse-target.ts";
import { checkTablesTarget, moveTables, type MovedTable } from "../../sinks/clickhouse/move-tables.ts";
import { CLICKHOUSE_JOURNAL, claimSinkJournal } from "../../sinks/clickhouse/sink-journal.ts";
import { STORED_TOPICS } from "../../sinks/clickhouse/rows/encoder-of-topic.ts";
import { givenEnvironment, type Config } from "../config.ts";
import { JOURNALS } from "../journals.ts";
import { endsOf, untilReached } from "../ledger/ledger-cut.ts";
import { MillraceError } from "../../core/errors.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { DataDirectory } from "../data-directory.ts";
import type { LogParts } from "../thread-log.ts";

export interface MovingTablesOptions extends LogParts {
  readonly config: Config;
  readonly directory: DataDirectory;
  readonly log: EmbeddedLog;
}

/** The tables of the embedded ClickHouse, and the server that they move to. */
export interface MovingTables {
  /** Until they have all that the log has, and no insert is half done. */
  catchUp(onProgress: (rows: number) => void): Promise<void>;
  move(onProgress: (table: string, rows: number) => void): Promise<readonly MovedTable[]>;
  close(): Promise<void>;
}

const CATCH_UP_MS = 3_600_000;
const LOOK_EVERY_MS = 500;
const STOP_MS = 60_000;

/** Errors: those of `checkTablesTarget`, CHDB_MISSING, DATA_DIRECTORY_LOCKED, CONFIG_INVALID. */
export async function openMovingTables(options: MovingTablesOptions): Promise<MovingTables> {
  const { config, directory, log, clock, logger, metrics } = options;
  const { installation } = directory;
  const connection = parseClickHouseUrl(config.clickhouseUrl ?? "");
  const onFault = (): void => undefined;
  const path = directory.clickhousePath;
  const chdb = createChdbProcess({ path, environment: givenEnvironment(), clock, logger, onFault });
  await chdb.start();
  const source = createClickHouseLink(() => chdb.connection());
  const target = createClickHouseLink(connection);
  const close = async (): Promise<void> => {
    await source.close();
    await target.close();
    await chdb.stop(AbortSignal.timeout(STOP_MS));
  };
  try {
    await requireOwnTables(log, await checkTablesTarget({ source, target, installation }));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async catchUp(onProgress) {
      const sink = createClickHouseSink({
        log,
        firstGeneration: log.generation,
        installation,
        connection: () => chdb.connection(),
        clock,
        logger,
        metrics,
        onFault,
      });
      const looking = setInterval(() => onProgress(sink.settled()?.rows ?? 0), LOOK_EVERY_MS);
      try {
        await sink.start();
        await untilFilled(log);
      } finally {
        clearInterval(looking);
        await sink.stop(AbortSignal.timeout(STOP_MS));
      }
    },
    move: (onProgress) => moveTables({ source, target, installation, onProgress }),
    close,
  };
}

/** What the log's sink has filled: tables that stand elsewhere already do not move. */
async function requireOwnTables(log: EmbeddedLog, identity: string): Promise<void> {
  const { restored } = await claimSinkJournal(log, { name: CLICKHOUSE_JOURNAL, partition: 0 });
  if (restored.database === null || restored.database === identity) return;
  throw new MillraceError("CONFIG_INVALID", "the installation's tables are not those in its data directory", {
    remedy:
      "If they are on a ClickHouse server, add --no-clickhouse here, and give the cluster that server: it goes on with them.",
  });
}

async function untilFilled(log: EmbeddedLog): Promise<void> {
  const status = await log.status();
  const ends = STORED_TOPICS.flatMap((topic) => endsOf(status, topic));
  if ((await untilReached(log, JOURNALS.clickhouse, ends, performance.now() + CATCH_UP_MS)) !== null) return;
  throw new MillraceError("TIMED_OUT", "the tables do not come up to what the log has", {
    remedy: "Start Millrace on this data directory, see /readyz for what keeps them, and stop it when nothing lags.",
  });
}
