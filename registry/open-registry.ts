import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Registry } from "../core/registry.ts";
import { assembleRegistry } from "./assemble-registry.ts";
import type { DeviceImporter } from "./device-importer.ts";
import type { RegistryEngine } from "./engine.ts";
import { openSqlite } from "./open-sqlite.ts";
import { sqliteEngine } from "./sqlite-engine.ts";

/** Where the registry is kept. */
export type RegistryPlace =
  /** SQLite: the database file; made with its tables when it is not there. Its directory must exist. */
  | { readonly path: string }
  /** PostgreSQL: postgres://user:password@host:port/database. Several processes may share it. */
  | { readonly url: string };

export type OpenRegistryOptions = RegistryPlace & {
  readonly clock: Clock;
  /** The installation's secret, at least 32 bytes: the key under which tokens are stored. */
  readonly secret: Uint8Array;
  readonly logger: Logger;
  /** The tenant that admin tokens speak for. */
  readonly adminTenant?: string;
};

/** The registry with what its port in core does not have. */
export interface OpenRegistry extends Registry, DeviceImporter {}

/**
 * Opens the registry. Errors: DATA_DIRECTORY_UNWRITABLE, DATA_FORMAT_UNSUPPORTED (written by a newer release, or no registry at all),
 * CONFIG_INVALID (another secret; for PostgreSQL also user, rights, version), DISK_FULL, REGISTRY_IO.
 */
export async function openRegistry(options: OpenRegistryOptions): Promise<OpenRegistry> {
  const { clock, secret, logger, adminTenant = "default" } = options;
  const engine = await openEngine(options);
  try {
    return await assembleRegistry({ engine, clock, secret, logger, adminTenant });
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function openEngine(options: OpenRegistryOptions): Promise<RegistryEngine> {
  // Its client is loaded where it is needed only.
  if ("url" in options) return (await import("./postgres/postgres-engine.ts")).openPostgresEngine(options);
  return sqliteEngine(await openSqlite(options.path), options.path);
}
