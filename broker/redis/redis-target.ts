import { MillraceError } from "../../core/errors.ts";

/** Server and port of a URL, for people: without user, password and database. CONFIG_INVALID when it is no Redis URL. */
export function redisTarget(url: string): string {
  // Not `cause`: the error of URL holds the whole text, password included.
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !["redis:", "rediss:"].includes(parsed.protocol)) {
    throw new MillraceError("CONFIG_INVALID", "the Redis URL is not of the form redis://user:password@host:port", {
      remedy: "Correct MILLRACE_REDIS_URL.",
    });
  }
  return `${parsed.protocol}//${parsed.hostname}:${parsed.port === "" ? "6379" : parsed.port}`;
}
