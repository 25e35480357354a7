import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lmdbSessionStore } from "../../support/lmdb-session-store.ts";
import { SMALL_LIMITS } from "./session-stand.ts";
import { sessionStoreSuite } from "./session-store-suite.ts";

sessionStoreSuite("LMDB", async () => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-sessions-"));
  return {
    open: () => Promise.resolve(lmdbSessionStore({ directory, limits: SMALL_LIMITS })),
    dispose: () => rm(directory, { recursive: true }),
  };
});
