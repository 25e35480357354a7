import { LmdbSessionStore } from "../broker/lmdb/lmdb-session-store.ts";
import type { EdgeLimits } from "../broker/edge-limits.ts";
import type { SessionStore } from "../broker/session/session-store.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import { prepareLmdbFile } from "../log/embedded/log-file.ts";

export interface SessionStoreParts {
  /** The data directory. */
  readonly directory: string;
  readonly limits: Partial<EdgeLimits>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const REMEDY =
  "restore it from a backup, or move it away to start without sessions: clients subscribe again, and get nothing of what waited for them";

/** Where this gateway keeps sessions and retained messages. Not started. */
export function createSessionStore({ directory, limits, logger, metrics }: SessionStoreParts): SessionStore {
  return new LmdbSessionStore({
    directory,
    prepareFile: (path) =>
      prepareLmdbFile(path, { name: `the file of the sessions, ${path},`, remedy: REMEDY }, logger),
    limits,
    logger,
    metrics,
  });
}
