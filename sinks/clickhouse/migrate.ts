import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { initialTables } from "./migrations/0001-initial-tables.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";
import type { Migration } from "./migrations/migration.ts";

/** In order of their numbers; those that were released never change. */
const MIGRATIONS: readonly Migration[] = [initialTables];

const DURABLE = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";
const BOOKS = [
  `CREATE TABLE IF NOT EXISTS database_identity (id UUID, created DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY created ${DURABLE}`,
  `CREATE TABLE IF NOT EXISTS schema_migrations (id UInt32, name String, applied DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id ${DURABLE}`,
] as const;

const identityRow = z.object({ id: z.uuid() });
const migrationRow = z.object({ id: z.int() });

/**
 * Brings the tables up to this release and returns the database's identity: made with its first migration, before any table that
 * holds rows, so a database without one is empty. DATA_FORMAT_UNSUPPORTED when a newer release has been here.
 */
export async function migrateDatabase(link: ClickHouseLink): Promise<string> {
  for (const statement of BOOKS) await link.command(statement);
  const identity = await readOrMakeIdentity(link);
  const applied = new Set((await link.query("SELECT id FROM schema_migrations", migrationRow)).map(({ id }) => id));
  const newest = Math.max(0, ...applied);
  if (newest > MIGRATIONS.length) {
    throw new MillraceError(
      "DATA_FORMAT_UNSUPPORTED",
      `the tables have shape ${newest}, this release knows ${MIGRATIONS.length}`,
      {
        remedy: "Start the newer release again, or delete the ClickHouse folder: it fills again from the log.",
      },
    );
  }
  for (const migration of MIGRATIONS) if (!applied.has(migration.id)) await apply(link, migration);
  return identity;
}

async function apply(link: ClickHouseLink, { id, name, statements }: Migration): Promise<void> {
  for (const statement of statements) await link.command(statement);
  await link.command(`INSERT INTO schema_migrations SELECT ${id}, '${name}', now64(3)`);
}

async function readOrMakeIdentity(link: ClickHouseLink): Promise<string> {
  const read = (): Promise<readonly { id: string }[]> =>
    link.query("SELECT toString(id) AS id FROM database_identity ORDER BY created, id LIMIT 1", identityRow);
  const [known] = await read();
  if (known !== undefined) return known.id;
  await link.command("INSERT INTO database_identity SELECT generateUUIDv4(), now64(3)");
  const [made] = await read();
  if (made === undefined) throw new MillraceError("SINK_UNAVAILABLE", "the database did not keep its identity");
  return made.id;
}
