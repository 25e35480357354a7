import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { Kysely, sql, type Transaction } from "kysely";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { RegistryEngine } from "../engine.ts";
import type { Tables } from "../schema.ts";
import { postgresDialect } from "./postgres-dialect.ts";
import { CHANNEL, type PostgresListener, startPostgresListener } from "./postgres-listener.ts";
import {
  createPostgresPool,
  POSTGRES_TIMEOUTS,
  postgresClientConfig,
  type PostgresTimeouts,
  SCHEMA,
} from "./postgres-pool.ts";
import { postgresTarget } from "./postgres-target.ts";

/** The oldest release that the tests run on. */
const VERSION_MIN = 15;
/** The advisory lock's name is a number: "mill" in ASCII. */
const MIGRATION_LOCK = 0x6d69_6c6c;
const MIGRATION_LOCK_POLL_MS = 100;

export interface PostgresEngineOptions {
  /** postgres://user:password@host:port/database. */
  readonly url: string;
  readonly logger: Logger;
  readonly timeouts?: PostgresTimeouts;
}

/**
 * Connects to PostgreSQL and checks that the registry can live there. Errors: REGISTRY_IO (nobody answers, a standby), CONFIG_INVALID
 * (user, password, database, rights, version, encoding).
 */
export async function openPostgresEngine(options: PostgresEngineOptions): Promise<RegistryEngine> {
  const { url, logger, timeouts = POSTGRES_TIMEOUTS } = options;
  const target = postgresTarget(url);
  const pool = createPostgresPool(url, timeouts, (error) => {
    logger.debug({ cause: error.message }, "an idle connection to the registry's database is lost");
  });
  const db = new Kysely<Tables>({ dialect: postgresDialect(pool, target) });
  let listener: PostgresListener | undefined;
  const engine: RegistryEngine = {
    db,
    // A pool has a connection for each.
    reads: db,
    // Byte order, as SQLite has it: pages go on after an id, whatever the database's locale.
    types: { text: sql`text collate "C"` },
    lockMigrations,
    async hasTable(queries, name) {
      const { rows } = await sql<{ there: boolean }>`
        select to_regclass(${`${SCHEMA}.${name}`}) is not null as there`.execute(queries);
      return rows[0]?.there === true;
    },
    announce: async (trx) => void (await sql`select pg_notify(${CHANNEL}, '')`.execute(trx)),
    listen(heard) {
      listener ??= startPostgresListener(postgresClientConfig(url, timeouts), heard, logger);
    },
    async close() {
      await listener?.stop();
      if (pool.ending) return;
      // What was called before this call asks for its connection in this turn of the event loop, and a pool that ends forgets who waits.
      await nextTurn();
      await db
        .connection()
        .execute(() => Promise.resolve())
        .catch(() => undefined);
      if (!pool.ending) await pool.end();
    },
  };
  try {
    await checkServer(db, target, logger);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

interface ServerFacts {
  readonly version: number;
  readonly encoding: string;
  readonly standby: boolean;
  readonly fsync: string;
}

async function checkServer(db: Kysely<Tables>, target: string, logger: Logger): Promise<void> {
  const { rows } = await sql<ServerFacts>`
    select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
      pg_is_in_recovery() as standby, current_setting('fsync') as fsync`.execute(db);
  const [facts] = rows;
  if (facts === undefined) throw new MillraceError("REGISTRY_IO", `registry ${target}: no answer`);
  const major = Math.floor(facts.version / 10_000);
  if (major < VERSION_MIN) {
    const text = `registry ${target}: PostgreSQL ${major} is too old; it takes ${VERSION_MIN} or newer`;
    throw new MillraceError("CONFIG_INVALID", text, { remedy: "Upgrade the server, or use another." });
  }
  if (facts.encoding !== "UTF8") {
    const text = `registry ${target}: the database's encoding is ${facts.encoding}, not UTF8`;
    throw new MillraceError("CONFIG_INVALID", text, {
      remedy: "Make the database with: encoding 'UTF8' template template0.",
    });
  }
  if (facts.standby) {
    throw new MillraceError("REGISTRY_IO", `registry ${target}: the server is a standby, which takes no changes`, {
      remedy: "Let the database URL lead to the primary.",
    });
  }
  if (facts.fsync === "off") {
    logger.warn(
      { target },
      "PostgreSQL runs with fsync = off: a crash of its machine may lose what the registry has acknowledged",
    );
  }
}

/**
 * Waits for the advisory lock, which ends with the transaction, by asking: a statement that waits would run into the time-outs. Then
 * makes the schema where it is missing; where it is there, the role needs no right to make one.
 */
async function lockMigrations(trx: Transaction<Tables>): Promise<void> {
  const attemptsMax = LIMITS.registryMigrationWaitMs / MIGRATION_LOCK_POLL_MS;
  for (let attempt = 1; ; attempt++) {
    const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as mine`.execute(
      trx,
    );
    if (rows[0]?.mine === true) break;
    if (attempt >= attemptsMax) {
      throw new MillraceError("REGISTRY_IO", "another process has been migrating the registry for too long", {
        remedy: "Look for it in pg_locks (locktype advisory).",
      });
    }
    await sleep(MIGRATION_LOCK_POLL_MS);
  }
  await sql`set local statement_timeout = 0`.execute(trx);
  const { rows } = await sql<{ there: boolean }>`select to_regnamespace(${SCHEMA}) is not null as there`.execute(trx);
  if (rows[0]?.there !== true) await trx.schema.createSchema(SCHEMA).execute();
}
