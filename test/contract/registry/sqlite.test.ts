import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../../core/logger.ts";
import { openRegistry } from "../../../registry/open-registry.ts";
import { registrySuite } from "./registry-suite.ts";
import type { TestedRegistry } from "./registry-stand.ts";

registrySuite("SQLite", async (clock) => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-registry-"));
  const opened: TestedRegistry[] = [];
  return {
    async open() {
      const path = join(directory, "registry.sqlite");
      const registry = await openRegistry({ path, clock, secret: Buffer.alloc(32, 7), logger: silentLogger });
      opened.push(registry);
      return registry;
    },
    async dispose() {
      for (const registry of opened) await registry.close();
      await rm(directory, { recursive: true });
    },
  };
});
