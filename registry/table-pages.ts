import { createHash } from "node:crypto";
import { sql, type Transaction } from "kysely";
import { z } from "zod";
import { ROWS_PER_STATEMENT, type Tables } from "./schema.ts";
import type { DatabaseSync } from "node:sqlite";

/** The tables of a registry, in an order in which every row finds what it refers to. */
export const COPIED_TABLES: readonly (keyof Tables)[] = [
  "counters",
  "settings",
  "tenants",
  "device_types",
  "alarm_rules",
  "reference_tables",
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
  "function_versions",
  "function_stages",
  "functions",
];

const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
export type Row = z.infer<typeof rowSchema>;

/** Rows, and a sum over them that does not depend on their order. */
export interface TableDigest {
  readonly rows: number;
  readonly sum: number;
}

/** All rows of a table, a statement's worth at a time. */
export async function* filePages(file: DatabaseSync, table: string): AsyncGenerator<readonly Row[]> {
  let rows: Row[] = [];
  for (const row of file.prepare(`select * from ${table}`).iterate()) {
    rows.push(rowSchema.parse(row));
    if (rows.length < ROWS_PER_STATEMENT) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

/** The same of PostgreSQL, through a cursor of this transaction. */
export async function* cursorPages(trx: Transaction<Tables>, table: string): AsyncGenerator<readonly Row[]> {
  await sql`declare page no scroll cursor for select * from ${sql.table(table)}`.execute(trx);
  for (;;) {
    const { rows } = await sql`fetch ${sql.lit(ROWS_PER_STATEMENT)} from page`.execute(trx);
    if (rows.length === 0) break;
    yield z.array(rowSchema).parse(rows);
  }
  await sql`close page`.execute(trx);
}

export async function digestPages(
  pages: AsyncIterable<readonly Row[]>,
  counts: (row: Row) => boolean = () => true,
): Promise<TableDigest> {
  let rows = 0;
  let sum = 0;
  for await (const page of pages) {
    for (const row of page) {
      if (!counts(row)) continue;
      rows += 1;
      sum = (sum + hash48(row)) % 2 ** 48;
    }
  }
  return { rows, sum };
}

function hash48(row: Row): number {
  const fields = Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(fields)).digest().readUIntBE(0, 6);
}
