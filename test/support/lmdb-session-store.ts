import { LmdbSessionStore } from "../../broker/lmdb/lmdb-session-store.ts";
import type { SessionStoreLimits } from "../../broker/session/session-store.ts";
import type { ReportFault } from "../../core/fault.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics, type Metrics } from "../../core/metrics.ts";
import { holdFile } from "../../log/embedded/held-file.ts";
import { prepareLmdbFile } from "../../log/embedded/log-file.ts";

export interface TestStoreOptions {
  readonly directory: string;
  readonly limits?: Partial<SessionStoreLimits>;
  readonly metrics?: Metrics;
  readonly onFault?: ReportFault;
}

/** A store of sessions in that directory, made as an instance makes it. Not started. */
export function lmdbSessionStore(options: TestStoreOptions): LmdbSessionStore {
  return new LmdbSessionStore({
    metrics: createMetrics(),
    onFault: () => undefined,
    ...options,
    logger: silentLogger,
    prepareFile: (path) => prepareLmdbFile(path, { name: path, remedy: "restore a backup" }, silentLogger),
    holdFile,
  });
}

/** Started and loaded. */
export async function openSessionStore(options: TestStoreOptions): Promise<LmdbSessionStore> {
  const store = lmdbSessionStore(options);
  await store.start();
  await store.load();
  return store;
}
