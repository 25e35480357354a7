import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbSessionStore } from "../../../broker/lmdb/lmdb-session-store.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { SMALL_LIMITS } from "./session-stand.ts";
import { sessionStoreSuite } from "./session-store-suite.ts";

sessionStoreSuite("LMDB", async () => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-sessions-"));
  const options = { directory, logger: silentLogger, metrics: createMetrics(), limits: SMALL_LIMITS };
  return {
    open: () => Promise.resolve(new LmdbSessionStore(options)),
    dispose: () => rm(directory, { recursive: true }),
  };
});
