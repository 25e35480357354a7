import type { TestProject } from "vitest/node";
import { findPostgres, startPostgres } from "./postgres-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The server of the project "postgres"; null where PostgreSQL is not installed. Undefined in other projects. */
    postgresUrl?: string | null;
  }
}

/** One server for all files of the project. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const binaries = findPostgres();
  if (binaries === null) {
    project.provide("postgresUrl", null);
    return undefined;
  }
  const server = await startPostgres(binaries, { settings: ["fsync = off"] });
  project.provide("postgresUrl", server.url("postgres"));
  return () => server.dispose();
}
