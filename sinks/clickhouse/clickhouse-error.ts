import { ClickHouseError } from "@clickhouse/client";
import { MillraceError, errorText } from "../../core/errors.ts";

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

/** The client's error as ours: SINK_REFUSED for what ClickHouse refuses for good, SINK_UNAVAILABLE for all else. */
export function toSinkError(error: unknown, doing: string): MillraceError {
  if (error instanceof MillraceError) return error;
  if (error instanceof ClickHouseError && !PASSING_CODES.has(Number(error.code))) {
    return new MillraceError(
      "SINK_REFUSED",
      `ClickHouse refuses to ${doing}: ${sayingOf(error)} (${error.type ?? error.code})`,
      { cause: error },
    );
  }
  return new MillraceError("SINK_UNAVAILABLE", `ClickHouse cannot ${doing}: ${sayingOf(error)}`, { cause: error });
}

/** Its sentences end with a full stop and a blank, where ours go on. */
function sayingOf(error: unknown): string {
  return errorText(error).replace(/[\s.]+$/, "");
}
