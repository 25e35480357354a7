import { Kysely } from "kysely";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Registry } from "../core/registry.ts";
import { assembleRegistry } from "./assemble-registry.ts";
import type { DeviceImporter } from "./device-importer.ts";
import { nodeSqliteDialect } from "./node-sqlite-dialect.ts";
import { openSqlite } from "./open-sqlite.ts";
import type { Tables } from "./schema.ts";

export interface OpenRegistryOptions {
  /** The database file; made with its tables when it is not there. Its directory must exist. */
  readonly path: string;
  readonly clock: Clock;
  /** The installation's secret, at least 32 bytes: the key under which tokens are stored. */
  readonly secret: Uint8Array;
  readonly logger: Logger;
  /** The tenant that admin tokens speak for. */
  readonly adminTenant?: string;
}

/** The registry with what its port in core does not have. */
export interface OpenRegistry extends Registry, DeviceImporter {}

/**
 * Opens the registry on SQLite. Errors: DATA_DIRECTORY_UNWRITABLE, DATA_FORMAT_UNSUPPORTED (written by a newer release, or no
 * registry at all), CONFIG_INVALID (another secret), REGISTRY_IO.
 */
export async function openRegistry(options: OpenRegistryOptions): Promise<OpenRegistry> {
  const { path, clock, secret, logger, adminTenant = "default" } = options;
  const database = await openSqlite(path);
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database, path) });
  // In line behind what is under way. Not db.destroy(): calls that come later shall fail with our own error.
  const close = () =>
    db.connection().execute(async () => {
      if (database.isOpen) database.close();
    });
  try {
    return await assembleRegistry({ db, types: { text: "text" }, clock, secret, logger, adminTenant, close });
  } catch (error) {
    await close();
    throw error;
  }
}
