import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { sql, type Transaction } from "kysely";
import { MillraceError } from "../core/errors.ts";
import { migrate } from "./migrate.ts";
import { BUSY_TIMEOUT_MS, openSqlite } from "./open-sqlite.ts";
import { openPostgresEngine } from "./postgres/postgres-engine.ts";
import type { Queries, Tables } from "./schema.ts";
import { SECRET_CHECK, secretCheckOf } from "./secret-check.ts";
import { sqliteEngine } from "./sqlite-engine.ts";
import { COPIED_TABLES, cursorPages, digestPages, filePages, type Row, type TableDigest } from "./table-pages.ts";
import { inTransaction } from "./transaction.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";

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
  /** Whether the rows are the same by their content. */
  readonly equal: boolean;
}

/** Stands in `settings` of a registry that was copied, until `finishCopy`: what is there may be copied over. */
const COPYING = "copying";

/** NOT_FOUND when the file holds no registry, CONFIG_INVALID when it is not of the installation with this secret. Changes nothing. */
export function checkRegistrySource(path: string, secret: Uint8Array): void {
  const value = existsSync(path) ? settingOf(path, SECRET_CHECK) : null;
  if (value === null) {
    throw new MillraceError("NOT_FOUND", `there is no registry in ${path}`, {
      remedy: "Name the data directory of an installation whose registry is not elsewhere already.",
    });
  }
  if (value === secretCheckOf(secret)) return;
  throw new MillraceError("CONFIG_INVALID", `the installation's secret is not the one that ${path} was made with`, {
    remedy: "Leave MILLRACE_INSTALLATION_SECRET away, or set it to what the installation was started with.",
  });
}

/** ALREADY_EXISTS when the database holds a registry that was not copied there by a move that goes on. Changes nothing. */
export async function checkRegistryTarget({ url, logger }: Pick<CopyRegistryOptions, "url" | "logger">): Promise<void> {
  const engine = await openPostgresEngine({ url, logger });
  try {
    if (await engine.hasTable(engine.db, "settings")) await requireRoom(engine.db);
  } finally {
    await engine.close();
  }
}

/**
 * Copies a registry from SQLite to PostgreSQL, all tables or none, over what an earlier call has copied, and compares both. Nobody else may have
 * either open. Errors: those of opening a registry; ALREADY_EXISTS when the database holds another one.
 */
export async function copyRegistry({ path, url, clock, logger }: CopyRegistryOptions): Promise<readonly CopiedTable[]> {
  const from = sqliteEngine(await openSqlite(path), path);
  try {
    await migrate({ engine: from, clock, logger });
  } finally {
    await from.close();
  }
  const file = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const to = await openPostgresEngine({ url, logger });
  try {
    await migrate({ engine: to, clock, logger });
    await inTransaction(to.db, async (trx) => {
      await requireRoom(trx);
      await copyAll(file, trx);
    });
    const copied: CopiedTable[] = [];
    await to.db.transaction().execute(async (trx) => {
      await withoutTimeout(trx);
      for (const table of COPIED_TABLES) {
        const here = await digestPages(filePages(file, table));
        const there = await digestPages(cursorPages(trx, table), table === "settings" ? isCopied : undefined);
        copied.push({ table, rows: here.rows, copied: there.rows, equal: isEqual(here, there) });
      }
    });
    return copied;
  } finally {
    file.close();
    await to.close();
  }
}

/** From now on the copied registry is nobody's to copy over. */
export async function finishCopy({ url, logger }: Pick<CopyRegistryOptions, "url" | "logger">): Promise<void> {
  const engine = await openPostgresEngine({ url, logger });
  try {
    await engine.db.deleteFrom("settings").where("name", "=", COPYING).execute();
  } finally {
    await engine.close();
  }
}

async function copyAll(file: DatabaseSync, trx: Transaction<Tables>): Promise<void> {
  await withoutTimeout(trx);
  for (const table of COPIED_TABLES.toReversed()) await sql`delete from ${sql.table(table)}`.execute(trx);
  for (const table of COPIED_TABLES) {
    for await (const rows of filePages(file, table)) await insert(trx, table, rows);
  }
  await trx.insertInto("settings").values({ name: COPYING, value: "" }).execute();
}

async function insert(trx: Transaction<Tables>, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`);
  const names = sql.join(columns.map((column) => sql.ref(column)));
  await sql`insert into ${sql.table(table)} (${names}) values ${sql.join(values)}`.execute(trx);
}

async function withoutTimeout(trx: Transaction<Tables>): Promise<void> {
  await sql`set local statement_timeout = 0`.execute(trx);
}

async function requireRoom(db: Queries): Promise<void> {
  const settings = await db.selectFrom("settings").select("name").execute();
  if (settings.length === 0 || settings.some(({ name }) => name === COPYING)) return;
  throw new MillraceError("ALREADY_EXISTS", "the PostgreSQL database holds a registry already", {
    remedy: "Name a database without one in MILLRACE_DATABASE_URL.",
  });
}

function settingOf(path: string, name: string): string | null {
  const file = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const has = file.prepare("select 1 from sqlite_schema where type = 'table' and name = 'settings'").get();
    const row = has === undefined ? undefined : file.prepare("select value from settings where name = ?").get(name);
    return typeof row?.["value"] === "string" ? row["value"] : null;
  } finally {
    file.close();
  }
}

/** What a copy itself leaves behind is none of the rows. */
function isCopied(row: Row): boolean {
  return row["name"] !== COPYING;
}

function isEqual(a: TableDigest, b: TableDigest): boolean {
  return a.rows === b.rows && a.sum === b.sum;
}
