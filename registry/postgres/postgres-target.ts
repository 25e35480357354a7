import { MillraceError } from "../../core/errors.ts";

/** Server and database of a URL, for people: without user, password and parameters. CONFIG_INVALID when it is no PostgreSQL URL. */
export function postgresTarget(url: string): string {
  // Not `cause`: the error of URL holds the whole text, password included.
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !["postgres:", "postgresql:"].includes(parsed.protocol)) {
    throw new MillraceError(
      "CONFIG_INVALID",
      "the database URL is not of the form postgres://user:password@host:port/database",
    );
  }
  const host = parsed.searchParams.get("host") ?? parsed.hostname;
  const port = parsed.port === "" ? "" : `:${parsed.port}`;
  return `postgres://${host}${port}/${decodeURIComponent(parsed.pathname.slice(1))}`;
}
