import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { csvMappingSchema, type CsvMapping } from "./csv-mapping.ts";

const PARTS = ["year", "month", "day", "hour", "minute", "second"] as const;
const EXAMPLE = "device=station; ts=year,month,day,hour@+08:00; metric pm25=PM2.5; missing=NA";

/**
 * Reads a mapping as typed on a command line: clauses with `;` between them.
 *
 *     device=COLUMN
 *     ts=COLUMN            milliseconds; COLUMN:s seconds, COLUMN:iso ISO 8601
 *     ts=YEAR,MONTH,DAY,HOUR[,MINUTE[,SECOND]][@+HH:MM]     columns of a wall clock
 *     sent=…               as ts: when the message was sent
 *     metric NAME=COLUMN   any number of them; `metric COLUMN` when both are the same
 *     json=COLUMN          a JSON object whose keys become metrics
 *     missing=TEXT         a cell that means "no value"; NA when absent
 *
 * INVALID_INPUT names the clause that cannot be read.
 */
export function parseMapText(text: string): CsvMapping {
  const draft: MappingDraft = { metrics: {}, json: [], missing: [] };
  for (const clause of text.split(";").map((part) => part.trim())) {
    if (clause !== "") readClause(clause, draft);
  }
  const { missing, ...rest } = draft;
  return checkMapping(missing.length === 0 ? rest : draft, text);
}

/** Checks a mapping that came as YAML or JSON. INVALID_INPUT with the path of what is wrong. */
export function checkMapping(value: unknown, origin: string): CsvMapping {
  const parsed = csvMappingSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new MillraceError("INVALID_INPUT", `the mapping ${origin} is not complete: ${z.prettifyError(parsed.error)}`, {
    remedy: `A mapping looks like this: ${EXAMPLE}`,
  });
}

interface MappingDraft {
  device?: string;
  ts?: object;
  sent?: object;
  metrics: Record<string, string>;
  json: string[];
  missing: string[];
}

function readClause(clause: string, draft: MappingDraft): void {
  const metric = /^metric\s+([^=]+?)(?:\s*=\s*(.+))?$/.exec(clause);
  if (metric) {
    const [, name = "", column = name] = metric;
    draft.metrics[name] = column;
    return;
  }
  const [, key, value] = /^([a-z]+)\s*=\s*(.+)$/.exec(clause) ?? [];
  if (key === undefined || value === undefined) throw unreadable(clause);
  switch (key) {
    case "device":
      draft.device = value;
      return;
    case "ts":
    case "sent":
      draft[key] = readTime(value, clause);
      return;
    case "json":
      draft.json.push(value);
      return;
    case "missing":
      draft.missing.push(value);
      return;
    default:
      throw unreadable(clause);
  }
}

function readTime(value: string, clause: string): object {
  if (!value.includes(",")) {
    const [, column = value, unit = "ms"] = /^(.+):(ms|s|iso)$/.exec(value) ?? [];
    return { column, unit };
  }
  const [, columnText = "", sign = "+", hours = "0", minutes = "0"] =
    /^(.+?)(?:@([+-])(\d{2}):(\d{2}))?$/.exec(value) ?? [];
  const columns = columnText.split(",").map((column) => column.trim());
  if (columns.length > PARTS.length) throw unreadable(clause);
  const named = columns.map((column, index) => [PARTS[index] ?? "", column] as const);
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
  return { ...Object.fromEntries(named), utcOffsetMinutes: offset };
}

function unreadable(clause: string): MillraceError {
  return new MillraceError("INVALID_INPUT", `cannot read ${JSON.stringify(clause)} in the mapping`, {
    remedy: `A mapping looks like this: ${EXAMPLE}`,
  });
}
