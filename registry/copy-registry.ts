import { DatabaseSync } from "node:sqlite";
import { sql, type Transaction } from "kysely";
import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { migrate } from "./migrate.ts";
import { BUSY_TIMEOUT_MS, openSqlite } from "./open-sqlite.ts";
import { openPostgresEngine } from "./postgres/postgres-engine.ts";
import { inChunks, type Queries, ROWS_PER_STATEMENT, type Tables } from "./schema.ts";
import { sqliteEngine } from "./sqlite-engine.ts";
import { inTransaction } from "./transaction.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { RegistryEngine } from "./engine.ts";

export interface CopyRegistryOptions {
  /** The SQLite file. */
  readonly path: string;
  /** The PostgreSQL database, postgres://…: without a registry, or with the one that an earlier call has copied. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CopiedTable {
  readonly table: string;
  /** In the source, and counted in the target afterwards. */
  readonly rows: number;
  readonly copied: number;
}

/** In an order in which every row finds what it refers to. */
const COPIED: readonly (keyof Tables)[] = [
  "counters",
  "settings",
  "tenants",
  "device_types",
  "alarm_rules",
  "devices",
  "last_seen",
  "erased_devices",
  "credentials",
  "revocations",
  "control_outbox",
  "alarms",
  "alarm_transitions",
  "alarm_positions",
  "notifications",
  "audit",
];
/** What a migration puts there. */
const HELD_BY_EMPTY: Readonly<Partial<Record<keyof Tables, number>>> = { counters: 1 };

type Row = Readonly<Record<string, string | number | null>>;
const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));

/** Whether the registry's tables could be copied there, changing nothing. Errors: those of `copyRegistry`. */
export async function checkRegistryTarget({ url, logger }: Pick<CopyRegistryOptions, "url" | "logger">): Promise<void> {
  const engine = await openPostgresEngine({ url, logger });
  await engine.close();
}

/**
 * Copies a registry from SQLite to PostgreSQL, all tables or none, and counts the rows on both sides. Nobody may have either open. Errors: those of
 * opening a registry; ALREADY_EXISTS when the database holds another one.
 */
export async function copyRegistry(options: CopyRegistryOptions): Promise<readonly CopiedTable[]> {
  const { path, url, clock, logger } = options;
  const from = sqliteEngine(await openSqlite(path), path);
  const file = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  let to: RegistryEngine | null = null;
  try {
    await migrate({ engine: from, clock, logger });
    to = await openPostgresEngine({ url, logger });
    await migrate({ engine: to, clock, logger });
    const rows = await countRows(from.db);
    const present = await countRows(to.db);
    if (!isEqual(rows, present) || (await secretOf(from.db)) !== (await secretOf(to.db))) {
      if (COPIED.some((table) => (present[table] ?? 0) > (HELD_BY_EMPTY[table] ?? 0))) throw heldByAnother();
      await inTransaction(to.db, (trx) => copyAll(file, trx));
    }
    const copied = await countRows(to.db);
    return COPIED.map((table) => ({ table, rows: rows[table] ?? 0, copied: copied[table] ?? 0 }));
  } finally {
    file.close();
    await to?.close();
    await from.close();
  }
}

async function copyAll(file: DatabaseSync, trx: Transaction<Tables>): Promise<void> {
  await sql`set local statement_timeout = 0`.execute(trx);
  for (const table of COPIED) {
    await sql`delete from ${sql.table(table)}`.execute(trx);
    for (const rows of pages(file, table)) for (const chunk of inChunks(rows)) await insert(trx, table, chunk);
  }
}

function* pages(file: DatabaseSync, table: string): Generator<readonly Row[]> {
  let rows: Row[] = [];
  for (const row of file.prepare(`select * from ${table}`).iterate()) {
    rows.push(rowSchema.parse(row));
    if (rows.length < ROWS_PER_STATEMENT) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

async function insert(trx: Transaction<Tables>, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`);
  const names = sql.join(columns.map((column) => sql.ref(column)));
  await sql`insert into ${sql.table(table)} (${names}) values ${sql.join(values)}`.execute(trx);
}

async function countRows(db: Queries): Promise<Readonly<Partial<Record<keyof Tables, number>>>> {
  const counts: Partial<Record<keyof Tables, number>> = {};
  for (const table of COPIED) {
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${sql.table(table)}`.execute(db);
    counts[table] = Number(rows[0]?.rows ?? 0);
  }
  return counts;
}

async function secretOf(db: Queries): Promise<string | null> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", "secret-check").executeTakeFirst();
  return row?.value ?? null;
}

function isEqual(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return COPIED.every((table) => a[table] === b[table]);
}

function heldByAnother(): MillraceError {
  return new MillraceError("ALREADY_EXISTS", "the PostgreSQL database holds a registry already", {
    remedy: "Name a database without one in MILLRACE_DATABASE_URL.",
  });
}
