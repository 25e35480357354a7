import { randomUUID } from "node:crypto";
import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkDatabase } from "./database-check.ts";
import { migrateDatabase } from "./migrate.ts";
import { TABLES } from "./migrations/migrations.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

export interface MoveTablesOptions {
  /** Nobody may write there any more. */
  readonly source: ClickHouseLink;
  /** A database without tables, or with some of those that an earlier call has made. */
  readonly target: ClickHouseLink;
  readonly installation: string;
  readonly onProgress: (table: string, rows: number) => void;
}

export interface MovedTable {
  readonly table: string;
  /** As queries see them, counted on both sides. */
  readonly rows: number;
  readonly moved: number;
  /** Whether the rows themselves are equal too, by a sum of their hashes. */
  readonly equal: boolean;
}

/** One partition of a table: its rows, and the sum of their hashes. */
interface PartDigest {
  readonly rows: number;
  readonly hash: string;
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Of a table whose rows replace each other only those that are left count. */
  readonly final: string;
}

const nameRow = z.object({ name: z.string() });
const tableRow = z.object({ name: z.string(), engine: z.string() });
const columnRow = z.object({ table: z.string(), name: z.string() });
const partRow = z.object({ name: z.string(), partition_id: z.string(), rows: z.number() });

/**
 * Copies all tables into another database, which becomes the same one by its identity: a sink goes on where it stood. Partition by partition; one
 * that is not whole there is emptied and copied anew, so that a move that was broken off goes on. Errors: those of checkDatabase; ALREADY_EXISTS when the
 * database has an identity of its own; SINK_UNAVAILABLE, SINK_REFUSED.
 */
export async function moveTables(options: MoveTablesOptions): Promise<readonly MovedTable[]> {
  const { source, target, installation, onProgress } = options;
  const identity = await migrateDatabase(source, installation);
  if ((await migrateDatabase(target, installation, identity)) !== identity) throw filledAlready();
  const moved: MovedTable[] = [];
  for (const table of await tablesOf(source)) {
    // What merges take away while it is being read would be missing.
    await source.command(`SYSTEM STOP MERGES ${table.name}`);
    const wanted = await digest(source, table);
    await moveTable(options, table, wanted);
    const present = await digest(target, table);
    const equal = wanted.size === present.size && [...wanted].every(([id, part]) => isSame(part, present.get(id)));
    moved.push({ table: table.name, rows: rowsOf(wanted), moved: rowsOf(present), equal });
    onProgress(table.name, rowsOf(present));
  }
  return moved;
}

/** Returns the identity that moves. ALREADY_EXISTS when the target was filled another way. Changes nothing there. Errors: those of checkDatabase. */
export async function checkTablesTarget({
  source,
  target,
  installation,
}: Omit<MoveTablesOptions, "onProgress">): Promise<string> {
  const identity = await migrateDatabase(source, installation);
  await checkDatabase(target, installation);
  const listed = await target.query("SELECT name FROM system.tables WHERE database = currentDatabase()", nameRow);
  if (!listed.some(({ name }) => name === "database_identity")) return identity;
  const [known] = await target.query(
    "SELECT toString(id) AS name FROM database_identity ORDER BY created, id LIMIT 1",
    nameRow,
  );
  if (known !== undefined && known.name !== identity) throw filledAlready();
  return identity;
}

async function moveTable(
  { source, target, onProgress }: MoveTablesOptions,
  table: Table,
  wanted: ReadonlyMap<string, PartDigest>,
): Promise<void> {
  const present = await digest(target, table);
  const missing = [...wanted.keys()].filter((id) => !isSame(wanted.get(id), present.get(id)));
  const extra = [...present.keys()].filter((id) => !wanted.has(id));
  for (const id of [...missing, ...extra].filter((one) => present.has(one))) {
    await target.command(`ALTER TABLE ${table.name} DROP PARTITION ID '${id}'`);
  }
  let rows = 0;
  for (const part of await partsOf(source, table.name, missing)) {
    for (let from = 0; from < part.rows; from += LIMITS.insertRowsMax) {
      const within = `_part = '${part.name}' AND _part_offset >= ${from} AND _part_offset < ${from + LIMITS.insertRowsMax}`;
      const bytes = await source.read(
        `SELECT ${table.columns.join(", ")} FROM ${table.name} WHERE ${within} FORMAT RowBinary`,
      );
      // A token of its own: what was emptied must not count as inserted already.
      const { name, columns } = table;
      const insert = { table: name, columns, format: "RowBinary", rows: bytes, token: randomUUID() } as const;
      if (bytes.length > 0) await target.insert(insert);
      rows += Math.min(LIMITS.insertRowsMax, part.rows - from);
      onProgress(table.name, rows);
    }
  }
}

async function tablesOf(link: ClickHouseLink): Promise<readonly Table[]> {
  const listed = await link.query(
    "SELECT name, engine FROM system.tables WHERE database = currentDatabase()",
    tableRow,
  );
  const columns = await link.query(
    "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND default_kind IN ('', 'DEFAULT') ORDER BY position",
    columnRow,
  );
  const engines = new Map(listed.map(({ name, engine }) => [name, engine]));
  return TABLES.map((name) => ({
    name,
    columns: columns.filter(({ table }) => table === name).map((column) => column.name),
    final: engines.get(name)?.includes("Replacing") === true ? "FINAL" : "",
  }));
}

/** By partition. */
async function digest(link: ClickHouseLink, { name, columns, final }: Table): Promise<Map<string, PartDigest>> {
  const sql = `SELECT _partition_id, count(), sum(cityHash64(${columns.join(", ")})) FROM ${name} ${final} GROUP BY _partition_id FORMAT TabSeparated`;
  const lines = new TextDecoder()
    .decode(await link.read(sql))
    .split("\n")
    .filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [id = "", rows = "0", hash = ""] = line.split("\t");
      return [id, { rows: Number(rows), hash }];
    }),
  );
}

async function partsOf(link: ClickHouseLink, table: string, partitions: readonly string[]) {
  if (partitions.length === 0) return [];
  const parts = await link.query(
    `SELECT name, partition_id, rows FROM system.parts WHERE database = currentDatabase() AND active AND table = '${table}' ORDER BY partition_id, min_block_number`,
    partRow,
  );
  return parts.filter(({ partition_id: id }) => partitions.includes(id));
}

function isSame(a: PartDigest | undefined, b: PartDigest | undefined): boolean {
  return a?.rows === b?.rows && a?.hash === b?.hash;
}

function rowsOf(parts: ReadonlyMap<string, PartDigest>): number {
  return [...parts.values()].reduce((sum, { rows }) => sum + rows, 0);
}

function filledAlready(): MillraceError {
  return new MillraceError("ALREADY_EXISTS", "the ClickHouse database holds tables that were filled another way", {
    remedy: "Name an empty database in MILLRACE_CLICKHOUSE_URL, or drop the tables there if nobody needs them.",
  });
}
