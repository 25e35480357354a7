import { isMillraceError } from "../../core/errors.ts";
import { createClickHouseLink } from "./clickhouse-link.ts";
import { parseClickHouseUrl } from "./clickhouse-target.ts";
import { checkDatabase } from "./database-check.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { ClickHouseConnection } from "./clickhouse-connection.ts";

/** What keeps ClickHouse running, or knows where it runs. */
export interface ClickHousePlace extends Service, Readiness {
  /** Null while it is down and known to be. */
  connection(): ClickHouseConnection | null;
}

export interface ServerPlaceOptions {
  readonly url: string;
  readonly installation: string;
  readonly logger: Logger;
}

/**
 * A server that somebody else runs. `start` rejects with what somebody must mend: CONFIG_INVALID, DATA_FORMAT_UNSUPPORTED. A server that
 * is only away keeps nobody from starting, because devices publish meanwhile and the log keeps what they say.
 */
export function createServerPlace({ url, installation, logger }: ServerPlaceOptions): ClickHousePlace {
  const connection = parseClickHouseUrl(url);
  return {
    async start() {
      await checkServer(connection, installation).catch((error: unknown) => {
        if (!isMillraceError(error, "SINK_UNAVAILABLE")) throw error;
        logger.warn({ cause: error.message }, `${error.message}. ${error.remedy ?? "It is tried again."}`);
      });
    },
    stop: () => Promise.resolve(),
    connection: () => connection,
    // The sink says what keeps rows from reaching it.
    notReadyReasons: () => [],
  };
}

/** Errors: those of checkDatabase. */
export async function checkServer(connection: ClickHouseConnection, installation: string | null): Promise<void> {
  const link = createClickHouseLink(connection);
  try {
    await checkDatabase(link, installation);
  } finally {
    await link.close();
  }
}
