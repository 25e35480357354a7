import { randomUUID } from "node:crypto";
import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { checkDatabase, requireOwner } from "./database-check.ts";
import { BOOKS } from "./migrations/books.ts";
import { MIGRATIONS } from "./migrations/migrations.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";
import type { Migration } from "./migrations/migration.ts";

const identityRow = z.object({ id: z.uuid() });
const ownerRow = z.object({ installation: z.string() });
const migrationRow = z.object({ id: z.int() });

/**
 * Brings the tables up to this release and returns the database's identity: made with its first migration, before any table that
 * holds rows, so a database without one is empty. `newIdentity`: of a database that has none yet. Nothing is made where something is wrong. Errors: those of checkDatabase.
 */
export async function migrateDatabase(
  link: ClickHouseLink,
  installation: string,
  newIdentity: string = randomUUID(),
): Promise<string> {
  await checkDatabase(link, installation);
  for (const statement of BOOKS) await link.command(statement);
  await bindOwner(link, installation);
  const identity = await readOrMakeIdentity(link, newIdentity);
  const applied = new Set((await link.query("SELECT id FROM schema_migrations", migrationRow)).map(({ id }) => id));
  for (const migration of MIGRATIONS) if (!applied.has(migration.id)) await apply(link, migration);
  return identity;
}

async function apply(link: ClickHouseLink, { id, name, statements }: Migration): Promise<void> {
  for (const statement of statements) await link.command(statement);
  await link.command(`INSERT INTO schema_migrations SELECT ${id}, '${name}', now64(3)`);
}

/** Binds a database that nobody has; of two that come at once the first one keeps it. */
async function bindOwner(link: ClickHouseLink, installation: string): Promise<void> {
  const read = (): Promise<readonly { installation: string }[]> =>
    link.query("SELECT installation FROM database_owner ORDER BY created, installation LIMIT 1", ownerRow);
  if ((await read()).length === 0)
    await link.command("INSERT INTO database_owner SELECT {installation:String}, now64(3)", { installation });
  const [owner] = await read();
  if (owner === undefined) throw new MillraceError("SINK_UNAVAILABLE", "the database did not keep its owner");
  requireOwner(owner.installation, installation);
}

async function readOrMakeIdentity(link: ClickHouseLink, id: string): Promise<string> {
  const read = (): Promise<readonly { id: string }[]> =>
    link.query("SELECT toString(id) AS id FROM database_identity ORDER BY created, id LIMIT 1", identityRow);
  const [known] = await read();
  if (known !== undefined) return known.id;
  await link.command("INSERT INTO database_identity SELECT {id:UUID}, now64(3)", { id });
  const [made] = await read();
  if (made === undefined) throw new MillraceError("SINK_UNAVAILABLE", "the database did not keep its identity");
  return made.id;
}
