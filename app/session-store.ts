import { LmdbSessionStore } from "../broker/lmdb/lmdb-session-store.ts";
import type { EdgeLimits } from "../broker/edge-limits.ts";
import type { SessionStore } from "../broker/session/session-store.ts";
import type { ReportFault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import { holdFile } from "../log/embedded/held-file.ts";
import { prepareLmdbFile } from "../log/embedded/log-file.ts";
import { installationInRedis } from "./gateway-link.ts";

export interface SessionStoreParts {
  /** Of the Redis through which gateways share sessions. Undefined: this gateway keeps its own. */
  readonly redisUrl: string | undefined;
  /** The installation's. */
  readonly secret: Uint8Array;
  /** The data directory. */
  readonly directory: string;
  readonly limits: EdgeLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFault: ReportFault;
}

const REMEDY =
  "restore it from a backup, or move it away to start without sessions: clients subscribe again, and get nothing of what waited for them";

/** Where sessions and retained messages are kept. Not started. CONFIG_INVALID when the URL is none. */
export async function createSessionStore(parts: SessionStoreParts): Promise<SessionStore> {
  const { redisUrl, secret, directory, limits, logger, metrics, onFault } = parts;
  if (redisUrl !== undefined) {
    // Only who uses it pays the time and memory of loading the client.
    const { RedisSessionStore } = await import("../broker/redis/redis-session-store.ts");
    return new RedisSessionStore({
      url: redisUrl,
      installation: installationInRedis(secret),
      limits,
      logger,
      metrics,
      onFault,
    });
  }
  return new LmdbSessionStore({
    directory,
    prepareFile: (path) =>
      prepareLmdbFile(path, { name: `the file of the sessions, ${path},`, remedy: REMEDY }, logger),
    holdFile,
    limits,
    logger,
    metrics,
    onFault,
  });
}
