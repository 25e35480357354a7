import { MemorySessionStore } from "../../support/memory-session-store.ts";
import { SMALL_LIMITS } from "./session-stand.ts";
import { sessionStoreSuite } from "./session-store-suite.ts";

sessionStoreSuite("memory", async () => {
  const store = new MemorySessionStore(SMALL_LIMITS);
  return { open: () => Promise.resolve(store), dispose: () => Promise.resolve() };
});
