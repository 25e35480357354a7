import { afterAll, beforeAll, describe } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { openRegistry } from "../../../registry/open-registry.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../../support/postgres-server.ts";
import { registrySuite } from "./registry-suite.ts";
import type { TestedRegistry } from "./registry-stand.ts";

const binaries = findPostgres();

describe.skipIf(binaries === null)("PostgreSQL (needs the postgresql package)", () => {
  let server: PostgresServer;
  let database = "";
  beforeAll(async () => {
    // What a crash of the machine leaves is not what this suite is about.
    server = await startPostgres(binaries ?? "", { settings: ["fsync = off"] });
    database = await server.createDatabase();
  });
  afterAll(() => server?.dispose());

  registrySuite("PostgreSQL", async (clock) => {
    const url = server.url(database);
    const opened: TestedRegistry[] = [];
    return {
      async open() {
        const registry = await openRegistry({ url, clock, secret: Buffer.alloc(32, 7), logger: silentLogger });
        opened.push(registry);
        return registry;
      },
      async dispose() {
        for (const registry of opened) await registry.close();
        await server.run(database, "drop schema millrace cascade");
      },
    };
  });
});
