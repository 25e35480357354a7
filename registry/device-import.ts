import { CsvError, parse } from "csv-parse/sync";
import { z } from "zod";
import { MillraceError, isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { ImportedDevice } from "../core/registry.ts";
import { GIVEN_TOKEN_PATTERN, TOKEN_CHARACTERS } from "../core/schemas.ts";
import { deviceInputSchema, issueText, toDeviceInput } from "./device-input.ts";
import { unknownKeyText } from "./unknown-keys.ts";

const COLUMNS = ["id", "name", "type", "token", "via", "gateway", "provisions"] as const;
const LABEL_PREFIX = "label.";

const rowsSchema = z.array(z.object({ record: z.array(z.string()), info: z.object({ lines: z.int() }) }));

interface CsvRow {
  readonly cells: readonly string[];
  /** Where it ends, counted from 1. */
  readonly line: number;
}

/**
 * Reads devices from CSV (RFC 4180, UTF-8). The first line names the columns: `id`, and optionally `name`, `type`, `token`, `via`, `gateway`,
 * `provisions` (`true` or `false`) and `label.<name>` for each label. An empty cell says nothing. INVALID_INPUT names the lines, up to ten of them; it never repeats a token.
 */
export function parseDeviceImport(csvText: string, tenant: string): readonly ImportedDevice[] {
  const [header, ...rows] = readRows(csvText);
  if (header === undefined)
    throw new MillraceError("INVALID_INPUT", "the file is empty; its first line names the columns");
  const columns = checkHeader(header);
  if (rows.length > LIMITS.importDevicesMax) {
    throw new MillraceError("INVALID_INPUT", `more than ${LIMITS.importDevicesMax} devices: split the file`);
  }
  const lines = new Map<string, number>();
  const faults: string[] = [];
  const devices: ImportedDevice[] = [];
  for (const row of rows) {
    try {
      devices.push(readNewDevice(row, columns, tenant, lines));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) throw new MillraceError("INVALID_INPUT", faultsText(faults));
  return devices;
}

/** All at once, so that nobody mends a file line by line. */
function faultsText(faults: readonly string[]): string {
  const more = faults.length - LIMITS.importFaultsMax;
  return [...faults.slice(0, LIMITS.importFaultsMax), ...(more > 0 ? [`and ${more} more lines`] : [])].join("; ");
}

function readNewDevice(
  row: CsvRow,
  columns: readonly string[],
  tenant: string,
  lines: Map<string, number>,
): ImportedDevice {
  const device = readDevice(row, columns, tenant);
  const first = lines.get(device.id);
  if (first !== undefined) throw atLine(row, `device "${device.id}" is already on line ${first}`);
  lines.set(device.id, row.line);
  return device;
}

function readRows(csvText: string): readonly CsvRow[] {
  try {
    const rows = rowsSchema.parse(parse(csvText, { bom: true, info: true, trim: true, skip_empty_lines: true }));
    return rows.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (error) {
    if (error instanceof CsvError) throw new MillraceError("INVALID_INPUT", error.message, { cause: error });
    throw error;
  }
}

function checkHeader(header: CsvRow): readonly string[] {
  const seen = new Set<string>();
  for (const column of header.cells) {
    if (seen.has(column)) throw atLine(header, `column "${column}" is there twice`);
    seen.add(column);
    if (COLUMNS.some((known) => known === column) || column.startsWith(LABEL_PREFIX)) continue;
    // Not taken for a label: a misspelt `token` would show secrets to everybody.
    throw atLine(header, `column "${column}": ${unknownKeyText(column, [...COLUMNS, `${LABEL_PREFIX}<name>`])}`);
  }
  if (!seen.has("id")) throw atLine(header, 'a column "id" is missing');
  return header.cells;
}

function readDevice(row: CsvRow, columns: readonly string[], tenant: string): ImportedDevice {
  const cells = new Map(columns.map((column, index) => [column, row.cells[index] ?? ""]));
  const filled = [...cells].filter(([, text]) => text !== "");
  const labels = filled.flatMap(([column, text]): [string, string][] =>
    column.startsWith(LABEL_PREFIX) ? [[column.slice(LABEL_PREFIX.length), text]] : [],
  );
  if (labels.some(([name]) => name === "__proto__")) throw atLine(row, "labels.__proto__: this name is not allowed");
  const fields = new Map(filled);
  const token = fields.get("token");
  if (token !== undefined && !GIVEN_TOKEN_PATTERN.test(token)) {
    throw atLine(row, `token: must be ${TOKEN_CHARACTERS}`);
  }
  const parsed = deviceInputSchema.safeParse({
    tenant,
    id: fields.get("id") ?? "",
    name: fields.get("name"),
    type: fields.get("type"),
    labels: labels.length > 0 ? Object.fromEntries(labels) : undefined,
    gateway: flagOf(row, "gateway", fields),
    provisions: flagOf(row, "provisions", fields),
    via: fields.get("via"),
  });
  if (!parsed.success) throw atLine(row, issueText(parsed.error.issues[0]));
  const device = toDeviceInput(parsed.data);
  return token === undefined ? device : { ...device, token };
}

function flagOf(row: CsvRow, column: string, fields: ReadonlyMap<string, string>): boolean | undefined {
  const text = fields.get(column);
  if (text === undefined) return undefined;
  if (text !== "true" && text !== "false") throw atLine(row, `${column}: must be true or false`);
  return text === "true";
}

function atLine(row: CsvRow, text: string): MillraceError {
  return new MillraceError("INVALID_INPUT", `line ${row.line}: ${text}`);
}
