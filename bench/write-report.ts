import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FORMATTER = fileURLToPath(new URL("../node_modules/.bin/oxfmt", import.meta.url));
const DOCS = fileURLToPath(new URL("../docs/benchmarks/", import.meta.url));

/** Writes docs/benchmarks/NAME.md and, with all that was measured, raw/NAME.json. */
export function writeReport(name: string, report: object, page: string): void {
  mkdirSync(`${DOCS}raw`, { recursive: true });
  const files = { raw: `${DOCS}raw/${name}.json`, page: `${DOCS}${name}.md` };
  writeFileSync(files.raw, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files.page, page);
  execFileSync(FORMATTER, Object.values(files), { stdio: "ignore" });
  console.log(`Written to ${files.page} and raw/${name}.json.`);
}
