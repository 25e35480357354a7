import { DatabaseError } from "pg";
import { type ErrorCode, MillraceError } from "../../core/errors.ts";
import { DEADLOCK_DETECTED, SERIALIZATION_FAILURE } from "./conflict.ts";

const INSUFFICIENT_PRIVILEGE = "42501";

type Decision = readonly [code: ErrorCode, remedy: string];

const RIGHTS: Decision = ["CONFIG_INVALID", "Give the role the rights that docs/operating.md lists."];
const SIGN_IN: Decision = ["CONFIG_INVALID", "Correct user, password or database in the database URL."];
const BUSY: Decision = ["REGISTRY_IO", "Look for what holds locks or keeps the server busy: pg_stat_activity."];
const AWAY: Decision = ["REGISTRY_IO", "Wait until the server is up again."];
const DAMAGED: Decision = ["DATA_FORMAT_UNSUPPORTED", "The database is damaged: restore it from a backup."];

/** What decides something here. Source: https://www.postgresql.org/docs/15/errcodes-appendix.html */
const BY_STATE: Readonly<Record<string, Decision>> = {
  "22021": ["INVALID_INPUT", "Leave out U+0000, which no text column takes."],
  "25P03": BUSY,
  "25006": ["REGISTRY_IO", "The server is a standby: let the database URL lead to the primary."],
  "3D000": SIGN_IN,
  "3F000": RIGHTS,
  [SERIALIZATION_FAILURE]: BUSY,
  [DEADLOCK_DETECTED]: BUSY,
  [INSUFFICIENT_PRIVILEGE]: RIGHTS,
  "53100": ["DISK_FULL", "Free space on the disk of the PostgreSQL server."],
  "53300": ["REGISTRY_IO", "Raise max_connections, or close what holds the connections."],
  "55P03": BUSY,
  "57014": BUSY,
  "57P01": AWAY,
  "57P02": AWAY,
  "57P03": AWAY,
  XX001: DAMAGED,
  XX002: DAMAGED,
};

/** By the class, the first two characters, where the state itself is not named. */
const BY_CLASS: Readonly<Record<string, Decision>> = { "08": AWAY, "28": SIGN_IN, "53": BUSY };

/** Classes that only a wrong query or a wrong value makes: a programmer's error, which comes back as it is. */
const PROGRAMMERS_CLASSES = ["21", "22", "42"];

/**
 * Errors of `pg` as MillraceErrors, by SQLSTATE. One without a state comes from the socket: nobody answers there. `target` names the
 * server and never holds a password.
 */
export function postgresError(error: unknown, target: string): unknown {
  if (!(error instanceof Error) || error instanceof MillraceError) return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const text = `registry ${target}: ${socketText(error)}`;
  const state = stateOf(error);
  if (state === null) {
    const remedy = "Start PostgreSQL there, or correct the database URL.";
    return new MillraceError("REGISTRY_IO", text, { cause: error, remedy });
  }
  const decision = BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)];
  if (decision !== undefined) {
    const [code, remedy] = decision;
    return new MillraceError(code, text, { cause: error, remedy });
  }
  if (PROGRAMMERS_CLASSES.includes(state.slice(0, 2))) return error;
  return new MillraceError("REGISTRY_IO", text, { cause: error });
}

/** True when the connection is of no more use: what came is not the server's answer to a query, or the server has ended it. */
export function isConnectionLost(error: unknown): boolean {
  const state = stateOf(error);
  return state === null || state.startsWith("08") || ["25P03", "57P01", "57P02", "57P03"].includes(state);
}

function stateOf(error: unknown): string | null {
  return error instanceof DatabaseError && error.code !== undefined ? error.code : null;
}

/** A name with several addresses, none of which answers, gives an AggregateError with an empty message. */
function socketText(error: Error): string {
  if (error.message !== "") return error.message;
  return "code" in error && typeof error.code === "string" ? error.code : "no connection";
}
