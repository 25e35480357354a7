import { ClickHouseError } from "@clickhouse/client";
import { MillraceError, errorText, type ErrorCode } from "../../core/errors.ts";
import { clickHouseTarget } from "./clickhouse-target.ts";
import type { ClickHouseConnection } from "./clickhouse-connection.ts";

/**
 * ClickHouse's codes for what passes by itself. Everything else it says about a statement of ours stays true however often it is sent.
 * 60 UNKNOWN_TABLE (a new or emptied database whose tables are still to be made), 159 TIMEOUT_EXCEEDED, 164 READONLY, 202 TOO_MANY_SIMULTANEOUS_QUERIES, 203 NO_FREE_CONNECTION, 209 SOCKET_TIMEOUT, 210 NETWORK_ERROR,
 * 236 ABORTED, 241 MEMORY_LIMIT_EXCEEDED, 242 TABLE_IS_READ_ONLY, 243 NOT_ENOUGH_SPACE, 252 TOO_MANY_PARTS, 319 UNKNOWN_STATUS_OF_INSERT,
 * 394 QUERY_WAS_CANCELLED, 473 DEADLOCK_AVOIDED, 516 AUTHENTICATION_FAILED (a restart of the embedded one changes its password),
 * 999 KEEPER_EXCEPTION, 1001 STD_EXCEPTION and 1002 UNKNOWN_EXCEPTION (the disk, mostly).
 */
const PASSING_CODES = new Set([
  60, 159, 164, 202, 203, 209, 210, 236, 241, 242, 243, 252, 319, 394, 473, 516, 999, 1001, 1002,
]);

type Decision = readonly [code: ErrorCode, why: string, remedy: string];

const SIGN_IN: Decision = [
  "CONFIG_INVALID",
  "it does not accept the user and the password",
  "Correct user and password in MILLRACE_CLICKHOUSE_URL.",
];

/** What a server says of its user or its database, which the embedded one cannot: it has one of each, made by us. */
const OF_A_SERVER: Readonly<Record<number, Decision>> = {
  // UNKNOWN_DATABASE
  81: [
    "CONFIG_INVALID",
    "there is no such database",
    "Create it as `millrace clickhouse-sql` shows, or correct the database in MILLRACE_CLICKHOUSE_URL.",
  ],
  // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
  192: SIGN_IN,
  193: SIGN_IN,
  194: SIGN_IN,
  516: SIGN_IN,
  // ACCESS_DENIED
  497: ["CONFIG_INVALID", "its user lacks a right", "Give it the rights that `millrace clickhouse-sql` prints."],
};

const AWAY =
  "Start the server or correct MILLRACE_CLICKHOUSE_URL; what is acknowledged waits in the log and reaches the tables later.";

/**
 * The client's error as ours, once and for all. SINK_REFUSED: ClickHouse refuses the statement for good. CONFIG_INVALID: a server's user,
 * password, database or rights are not what they must be. SINK_UNAVAILABLE: all else.
 */
export function toSinkError(error: unknown, doing: string, connection: ClickHouseConnection | null): MillraceError {
  if (error instanceof MillraceError) return error;
  const server = connection?.place === "server" ? connection : null;
  const target = server === null ? "ClickHouse" : clickHouseTarget(server);
  const said = sayingOf(error);
  if (!(error instanceof ClickHouseError)) {
    const remedy = server === null ? {} : { remedy: AWAY };
    return new MillraceError("SINK_UNAVAILABLE", `${target} cannot ${doing}: ${said}`, { cause: error, ...remedy });
  }
  const code = Number(error.code);
  const decision = server === null ? undefined : OF_A_SERVER[code];
  if (decision !== undefined) {
    const [ours, why, remedy] = decision;
    return new MillraceError(ours, `${target} cannot ${doing}: ${why} (${said})`, { cause: error, remedy });
  }
  if (PASSING_CODES.has(code)) {
    return new MillraceError("SINK_UNAVAILABLE", `${target} cannot ${doing}: ${said}`, { cause: error });
  }
  const text = `${target} refuses to ${doing}: ${said} (${error.type ?? error.code})`;
  return new MillraceError("SINK_REFUSED", text, { cause: error });
}

/** Its sentences end with a full stop and a blank, where ours go on. A name with several dead addresses has an empty message. */
function sayingOf(error: unknown): string {
  const text = errorText(error)
    .split("\n", 1)[0]
    ?.replace(/[\s.]+$/, "");
  if (text !== undefined && text !== "") return text;
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no connection";
}
