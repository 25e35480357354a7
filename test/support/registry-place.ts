import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { inject } from "vitest";
import type { RegistryPlace } from "../../registry/open-registry.ts";

/** An empty place for a registry: a file, or a database of its own where vitest runs the project "postgres". */
export async function registryPlace(): Promise<{ readonly at: RegistryPlace; dispose(): Promise<void> }> {
  const server = inject("postgresUrl");
  if (server === undefined || server === null) {
    const directory = await mkdtemp(join(tmpdir(), "millrace-registry-"));
    return {
      at: { path: join(directory, "registry.sqlite") },
      dispose: () => rm(directory, { recursive: true, force: true }),
    };
  }
  const name = `registry_${randomUUID().replaceAll("-", "")}`;
  await run(server, `create database ${name}`);
  return {
    at: { url: new URL(`/${name}`, server).href },
    dispose: () => run(server, `drop database ${name} with (force)`),
  };
}

async function run(server: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}
