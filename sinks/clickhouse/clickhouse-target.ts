import { MillraceError } from "../../core/errors.ts";
import type { ClickHouseConnection } from "./clickhouse-connection.ts";

const DEFAULT_USER = "default";
const DEFAULT_DATABASE = "default";
/** Names that need no quoting: they stand in generated SQL. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/**
 * The server of `http(s)://user:password@host:port/database`; user and database are `default` where the URL leaves them out.
 * CONFIG_INVALID when it is no such URL.
 */
export function parseClickHouseUrl(text: string): ClickHouseConnection {
  // Not `cause`: the error of URL holds the whole text, password included.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) throw refused("it is no http:// or https:// URL");
  if (url.search !== "" || url.hash !== "") throw refused("it has parameters, and takes none");
  const database = decoded(url.pathname.slice(1)) || DEFAULT_DATABASE;
  if (!NAME.test(database)) throw refused("the name of its database is not made of letters, digits and _");
  const username = decoded(url.username) || DEFAULT_USER;
  return { url: url.origin, username, password: decoded(url.password), database, place: "server" };
}

/** Server and database, for people: without user and password. */
export function clickHouseTarget({ url, database, place }: ClickHouseConnection): string {
  return place === "embedded" ? "the embedded ClickHouse" : `ClickHouse at ${url}/${database}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused("it has a % that is not followed by two hexadecimal digits");
  }
}

function refused(why: string): MillraceError {
  return new MillraceError("CONFIG_INVALID", `the ClickHouse URL is not usable: ${why}`, {
    remedy: "Write it as http://user:password@host:8123/database, with %-codes for special characters of the password.",
  });
}
