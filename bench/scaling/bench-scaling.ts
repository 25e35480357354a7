import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { readCosts } from "./measured-costs.ts";
import { withTables } from "./scaling-page.ts";
import { scalingTables } from "./scaling-tables.ts";

const PAGE = fileURLToPath(new URL("../../docs/scaling.md", import.meta.url));
const FORMATTER = fileURLToPath(new URL("../../node_modules/.bin/oxfmt", import.meta.url));

/** Prints what the model says of the measured costs, and writes it into the tables of docs/scaling.md. The same every time. */
export function benchScaling(args: string[]): void {
  const { values } = parseArgs({ args, options: { "dry-run": { type: "boolean", default: false } } });
  const tables = scalingTables(readCosts());
  for (const [name, [head = [], ...rows]] of Object.entries(tables)) {
    console.log(`\n${name}`);
    console.log(
      formatTable(
        [...head],
        rows.map((row) => [...row]),
      ),
    );
  }
  if (values["dry-run"]) return;
  writeFileSync(PAGE, withTables(readFileSync(PAGE, "utf8"), tables));
  execFileSync(FORMATTER, [PAGE], { stdio: "ignore" });
  console.log(`Written to ${PAGE}.`);
}
