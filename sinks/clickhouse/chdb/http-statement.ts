/** A statement as ClickHouse's HTTP interface gets it: SQL, settings and bound values from the URL, data from the body. */
export interface HttpStatement {
  readonly sql: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** URL parameters of the HTTP interface that are no settings of the query. */
const PROTOCOL_PARAMETERS = new Set([
  "query",
  "query_id",
  "database",
  "session_id",
  "session_timeout",
  "role",
  "default_format",
  "enable_http_compression",
  "send_progress_in_http_headers",
  "http_headers_progress_interval_ms",
  "wait_end_of_query",
]);

const SETTING_NAME = /^[a-z][a-z0-9_]*$/;
const READS = /^\s*(?:SELECT|WITH|SHOW|DESCRIBE|EXISTS|EXPLAIN|CHECK)\b/i;
const TAKES_SETTINGS = /^\s*(?:SELECT|WITH|ALTER|DELETE)\b/i;
const INSERT_WITH_BODY = /^\s*(INSERT\s+INTO\s+[\w.`]+\s*(?:\([^)]*\))?)\s*FORMAT\s+(\w+)\s*$/i;

/** `body` is the SQL unless the URL carries it. Throws a RangeError for a setting's name that cannot be one. */
export function parseHttpStatement(url: URLSearchParams, body: string): HttpStatement {
  const settings: Record<string, string> = {};
  const parameters: Record<string, string> = {};
  for (const [name, value] of url) {
    if (name.startsWith("param_")) parameters[name.slice("param_".length)] = unescapeTabSeparated(value);
    else if (PROTOCOL_PARAMETERS.has(name)) continue;
    else if (SETTING_NAME.test(name)) settings[name] = value;
    else throw new RangeError(`${JSON.stringify(name)} is not the name of a setting`);
  }
  return { sql: url.get("query") ?? body, settings, parameters };
}

export function isRead(sql: string): boolean {
  return READS.test(sql);
}

/** True for an INSERT whose rows are the request's body. */
export function takesBody(sql: string): boolean {
  return INSERT_WITH_BODY.test(sql);
}

/** The statement for chdb, which takes settings only as part of the SQL. SETTINGS of CREATE are the table's: none are added there. */
export function toChdbSql({ sql, settings }: HttpStatement): string {
  return TAKES_SETTINGS.test(sql) ? `${sql}\n${settingsClause(settings)}` : sql;
}

/** The insert with its rows in a file, the one way by which chdb takes RowBinary and Native. */
export function toFileInsertSql({ sql, settings }: HttpStatement, path: string): string {
  const [, target = "", format = ""] = INSERT_WITH_BODY.exec(sql) ?? [];
  return `${target} ${settingsClause(settings)} SELECT * FROM file(${quote(path)}, ${quote(format)})`;
}

function settingsClause(settings: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`);
  return pairs.length === 0 ? "" : `SETTINGS ${pairs.join(", ")}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", b: "\b", f: "\f", "0": "\0" };

/** Values of `param_…` travel as in TabSeparated; chdb's binding escapes them again. Null (`\N`) stays as it is. */
function unescapeTabSeparated(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
}
