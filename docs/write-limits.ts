import { readFileSync, writeFileSync } from "node:fs";
import { limitVariable } from "../app/edge-limit-settings.ts";
import { isEdgeLimitName } from "../core/edge-limits.ts";
import { LIMITS } from "../core/limits.ts";
import { EDGE_LIMIT_SIGNS } from "./edge-limit-signs.ts";
import { pageTable } from "./page-table.ts";

/** In the order of the page. */
export const LIMITS_SOURCES = [
  "core/edge-limits.ts",
  "core/function-limits.ts",
  "core/autoscale-limits.ts",
  "core/replay-limits.ts",
  "core/why-limits.ts",
  "core/trace-limits.ts",
  "core/forward-limits.ts",
  "core/footprint-limits.ts",
  "core/stage-limits.ts",
  "core/limits.ts",
];
const PAGE = new URL("limits.md", import.meta.url);
const HEAD = `# Limits

Every ceiling of Millrace, generated from \`core/limits.ts\` by \`node docs/write-limits.ts\`. What comes from outside and breaches
one gets an error with a code (see errors.md), never a silent loss; of what is only kept for show the oldest goes. Those of the gateway
can be set, to what configuration.md says, and a metric tells when one was reached; the others are constants of a release.
`;

/** The page for the table in LIMITS. The source's text gives the groups: a comment line opens one. */
export function limitsPage(source: string): string {
  const values = new Map(Object.entries<number>(LIMITS));
  const sections: { readonly title: string; readonly rows: string[][] }[] = [];
  for (const line of source.split("\n")) {
    const title = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    if (title !== undefined) sections.push({ title, rows: [] });
    const name = /^ {2}(\w+):/.exec(line)?.[1] ?? "";
    const value = values.get(name);
    if (value !== undefined) sections.at(-1)?.rows.push(rowOf(name, value));
  }
  return HEAD + sections.map(({ title, rows }) => `\n## ${title}\n\n${pageTable([headOf(rows), ...rows])}`).join("");
}

/** Ceilings of the gateway have a setting and a sign besides. */
function rowOf(name: string, value: number): string[] {
  const row = [inWords(name), shown(name, value), `\`${name}\``];
  return isEdgeLimitName(name) ? [...row, `\`${limitVariable(name)}\``, signOf(EDGE_LIMIT_SIGNS[name])] : row;
}

function headOf([row = []]: readonly (readonly string[])[]): string[] {
  return ["limit", "value", "name in the code", "setting", "seen in"].slice(0, row.length);
}

/** Metrics as code, sentences as they are. */
function signOf(sign: string): string {
  return sign.startsWith("millrace_") ? sign.replaceAll(/millrace_[^\s,]+/g, "`$&`") : sign;
}

/** `unacknowledgedPerConnectionMax` → "unacknowledged per connection". */
function inWords(name: string): string {
  return name
    .replace(/(Bytes|Ms|Seconds)?(Max|Min|Default)?$/, "")
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function shown(name: string, value: number): string {
  const suffix = name.endsWith("Min")
    ? " at least"
    : name.endsWith("Default")
      ? " by default"
      : name.endsWith("Max")
        ? " at most"
        : "";
  if (value === 0) return "none";
  if (name === "eventTimeMin") return `${new Date(value).toISOString()} at the earliest`;
  if (/Ms(Max|Min|Default)?$/.test(name)) return duration(value) + suffix;
  if (/Bytes(Max|Min|Default)?$/.test(name)) return size(value) + suffix;
  if (/Seconds(Max|Min|Default)?$/.test(name)) return duration(value * 1000) + suffix;
  return value.toLocaleString("en") + suffix;
}

function duration(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1000],
  ] as const;
  const [unit, length] = units.find(([, unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? ["ms", 1];
  return `${(ms / length).toLocaleString("en")} ${unit}`;
}

function size(bytes: number): string {
  const units = [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const;
  const [unit, length] = units.find(([, unitBytes]) => bytes >= unitBytes && bytes % unitBytes === 0) ?? ["B", 1];
  return `${(bytes / length).toLocaleString("en")} ${unit}`;
}

if (import.meta.main) {
  const texts = LIMITS_SOURCES.map((path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8"));
  writeFileSync(PAGE, limitsPage(texts.join("\n")));
}
