import type { z } from "zod";
import { alarmRuleSchema } from "../core/alarm-rule.ts";
import { referenceTableSchema } from "../core/reference-table.ts";
import { deviceTypeSchema } from "../core/device-type.ts";
import { MillraceError } from "../core/errors.ts";
import type { ConfigDocument } from "../core/registry.ts";
import { deviceInputSchema, issueText, toDeviceInput } from "./device-input.ts";
import { type Problem, unknownKeys, unknownKeyText } from "./unknown-keys.ts";
import { parseYamlSource, type SourceDocument } from "./yaml-source.ts";

const SECTIONS = ["types", "rules", "tables", "devices"] as const;
type Section = (typeof SECTIONS)[number];

const PROBLEMS_TOLD = 10;

/**
 * Reads a configuration document: a map with the lists `types`, `rules`, `tables` and `devices`, each of them optional. Everything in it
 * belongs to `tenant`. INVALID_INPUT tells the first ten problems, each with its place (line and column when the source is YAML
 * or JSON text), path, and what is allowed there.
 */
export function parseConfigDocument(source: string | object, tenant: string): ConfigDocument {
  const document = typeof source === "string" ? parseYamlSource(source) : withoutLines(source);
  const { value } = document;
  if (!isMap(value)) throw invalid(document, [{ path: [], text: `must be a map of ${SECTIONS.join(", ")}` }]);
  const problems: Problem[] = Object.keys(value)
    .filter((key) => !SECTIONS.some((section) => section === key))
    .map((key) => ({ path: [key], text: unknownKeyText(key, SECTIONS), atKey: true }));
  const config = {
    types: readSection(value, "types", deviceTypeSchema, tenant, problems),
    rules: readSection(value, "rules", alarmRuleSchema, tenant, problems),
    tables: readSection(value, "tables", referenceTableSchema, tenant, problems),
    devices: readSection(value, "devices", deviceInputSchema, tenant, problems).map(toDeviceInput),
  };
  if (problems.length > 0) throw invalid(document, problems);
  return config;
}

function readSection<T extends { readonly id: string }>(
  value: Readonly<Record<string, unknown>>,
  section: Section,
  schema: z.ZodType<T>,
  tenant: string,
  problems: Problem[],
): readonly T[] {
  const items = value[section] ?? [];
  if (!Array.isArray(items)) {
    problems.push({ path: [section], text: "must be a list" });
    return [];
  }
  const lines = new Map<string, number>();
  return items.flatMap((item: unknown, index) => {
    const path = [section, index];
    if (!isMap(item)) {
      problems.push({ path, text: "must be a map" });
      return [];
    }
    if (item["tenant"] !== undefined && item["tenant"] !== tenant) {
      problems.push({ path: [...path, "tenant"], text: `must be "${tenant}" here; leave it out` });
    }
    const completed = { ...item, tenant };
    const unknown = unknownKeys(schema, completed);
    problems.push(...unknown.map((problem) => ({ ...problem, path: [...path, ...problem.path] })));
    const parsed = schema.safeParse(completed);
    if (!parsed.success) {
      problems.push(...parsed.error.issues.map((issue) => issueProblem(path, issue)));
      return [];
    }
    const first = lines.get(parsed.data.id);
    if (first === undefined) lines.set(parsed.data.id, index);
    else problems.push({ path: [...path, "id"], text: `"${parsed.data.id}" is already ${section}[${first}]` });
    return [parsed.data];
  });
}

function issueProblem(path: readonly PropertyKey[], issue: z.core.$ZodIssue): Problem {
  return { path: [...path, ...issue.path], text: issueText(issue, false), atKey: issue.code === "invalid_key" };
}

function invalid(document: SourceDocument, problems: readonly Problem[]): MillraceError {
  const told = problems.slice(0, PROBLEMS_TOLD).map(({ path, text, atKey = false }) => {
    const place = [document.locate(path, atKey), pathText(path)].filter((part) => part !== "").join(", ");
    return `${place}: ${text}`;
  });
  const more = problems.length - told.length;
  if (more > 0) told.push(`and ${more} more`);
  return new MillraceError("INVALID_INPUT", told.join("\n"));
}

/** `rules[0].condition.op`; the whole document is "the document". */
function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the document";
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${String(step)}`))
    .join("");
}

function withoutLines(value: object): SourceDocument {
  return { value, locate: () => "" };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
