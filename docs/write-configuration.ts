import { writeFileSync } from "node:fs";
import { configReference } from "../app/config.ts";
import { pageTable } from "./page-table.ts";

const PAGE = new URL("configuration.md", import.meta.url);
const HEAD = `# Configuration

Every setting, generated from \`app/config.ts\` by \`node docs/write-configuration.ts\`. Flags win over the environment, the environment
over the default. Ceilings that are constants of a release are in limits.md.

`;

export function configurationPage(): string {
  const rows = configReference().map(({ name, variable, fallback, meaning }) => [
    name,
    `\`${variable}\``,
    fallback === "null" ? "" : `\`${fallback}\``,
    meaning,
  ]);
  return HEAD + pageTable([["flag of start", "environment", "default", "meaning"], ...rows]);
}

if (import.meta.main) writeFileSync(PAGE, configurationPage());
