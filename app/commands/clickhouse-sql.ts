import { MillraceError } from "../../core/errors.ts";
import { accessSql } from "../../sinks/clickhouse/access/access-sql.ts";
import { EXIT } from "./output.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,100}$/;
const CLUSTER_NAME = /^[A-Za-z0-9_.-]{1,100}$/;
const HEAD = [
  "-- For clickhouse-client as an administrator. Put passwords of your own in place of 'change-me', then start Millrace with",
  "-- MILLRACE_CLICKHOUSE_URL='https://DATABASE_writer:PASSWORD@HOST:8443/DATABASE'. Not run by Millrace's tests, which parse it only.",
];

/** `millrace clickhouse-sql`: what an administrator of ClickHouse runs once. INVALID_INPUT for a name that needs quoting. */
export function clickHouseSqlCommand(options: {
  readonly database: string;
  readonly cluster?: string;
  readonly json: boolean;
}): number {
  const { database, cluster, json } = options;
  if (!NAME.test(database)) throw refused("database", database, "letters, digits and _");
  if (cluster !== undefined && !CLUSTER_NAME.test(cluster)) throw refused("cluster", cluster, "letters, digits, _ . -");
  const sections = accessSql({ database, ...(cluster === undefined ? {} : { cluster }) });
  if (json) console.log(JSON.stringify(sections));
  else {
    const head = HEAD.map((line) => line.replaceAll("DATABASE", database));
    const text = sections.map(({ heading, statements }) =>
      [`-- ${heading}`, ...statements.map((one) => `${one};`)].join("\n"),
    );
    console.log([head.join("\n"), ...text].join("\n\n"));
  }
  return EXIT.ok;
}

function refused(what: string, value: string, allowed: string): MillraceError {
  return new MillraceError(
    "INVALID_INPUT",
    `${JSON.stringify(value)} is no name for a ${what}: it has only ${allowed}`,
  );
}
