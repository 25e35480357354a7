import { pageTable } from "../../docs/page-table.ts";
import type { Table } from "./scaling-tables.ts";

const BLOCK = /<!-- table: ([a-z]+) -->[^]*?<!-- end -->/g;

/**
 * The page with its tables made anew: what stands between `<!-- table: NAME -->` and `<!-- end -->`. The rest is written by hand. RangeError for a
 * table that does not exist, and for one that the page does not show.
 */
export function withTables(page: string, tables: Readonly<Record<string, Table>>): string {
  const shown = new Set<string>();
  const made = page.replaceAll(BLOCK, (_block, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new RangeError(`docs/scaling.md shows the table ${name}, which nothing makes`);
    shown.add(name);
    return `<!-- table: ${name} -->\n\n${pageTable(table)}\n<!-- end -->`;
  });
  const missing = Object.keys(tables).filter((name) => !shown.has(name));
  if (missing.length > 0) throw new RangeError(`docs/scaling.md does not show the tables ${missing.join(", ")}`);
  return made;
}
