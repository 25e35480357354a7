import { ERROR_CODES, isMillraceError, type ErrorCode } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** An answer that says what went wrong: RFC 9457, `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** An error code of Millrace, or INTERNAL for a defect of ours. */
  readonly code: ErrorCode | "INTERNAL";
  readonly detail: string;
  /** What to do about it. */
  readonly remedy?: string;
  /** For INVALID_INPUT: each offending field. */
  readonly errors?: readonly FieldProblem[];
  /** Of the request: its lines in the log have it too. Absent of what is not even a request. */
  readonly requestId?: string;
}

export interface FieldProblem {
  readonly in: string;
  readonly path: string;
  readonly message: string;
}

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** The one table from error code to HTTP status and title. */
export const PROBLEMS: Readonly<Record<ErrorCode, readonly [status: number, title: string]>> = {
  LOG_FULL: [507, "The log is full"],
  LOG_CLOSED: [503, "The log is stopping"],
  LOG_IO: [503, "The log cannot be written or read"],
  LOG_LOST: [503, "The log was deleted while it was in use"],
  JOURNAL_FENCED: [503, "Somebody else owns the partition"],
  OFFSET_OUT_OF_RANGE: [410, "The records are no longer in the log"],
  BATCH_CORRUPT: [500, "Records in the log are damaged"],
  BATCH_TOO_LARGE: [500, "Records in the log are damaged"],
  BATCH_UNSUPPORTED: [500, "Records in the log are damaged"],
  STATE_LOST: [500, "State was lost with a damaged journal"],
  UNKNOWN_TOPIC: [404, "There is no such topic"],
  MQTT_MALFORMED: [400, "The packet is malformed"],
  MQTT_UNSUPPORTED: [400, "The packet asks for what is not supported"],
  PACKET_TOO_LARGE: [413, "The packet is too large"],
  PAYLOAD_TOO_LARGE: [413, "The body is too large"],
  TOPIC_INVALID: [400, "The topic is not valid"],
  LIMIT_EXCEEDED: [429, "A limit is exceeded"],
  NOT_AUTHENTICATED: [401, "Sign in first"],
  NOT_AUTHORIZED: [403, "This is not allowed"],
  LINK_IO: [503, "Other gateways cannot be reached"],
  SESSION_STORE_IO: [503, "Sessions cannot be kept"],
  NOT_FOUND: [404, "There is no such thing"],
  ALREADY_EXISTS: [409, "It exists already"],
  INVALID_INPUT: [400, "The input is not valid"],
  REGISTRY_IO: [503, "The registry cannot be reached"],
  STATE_INVALID: [500, "Stored state is not valid"],
  FUNCTION_INVALID: [422, "The function cannot be run"],
  SINK_UNAVAILABLE: [503, "The history cannot be asked"],
  SINK_REFUSED: [502, "The store refused the question"],
  CHDB_MISSING: [503, "The embedded ClickHouse is not installed"],
  DELIVERY_FAILED: [502, "A delivery failed"],
  CONFIG_INVALID: [400, "The configuration is not valid"],
  PORT_IN_USE: [500, "A port is in use"],
  DATA_DIRECTORY_UNWRITABLE: [500, "The data directory cannot be written"],
  DATA_DIRECTORY_LOCKED: [500, "The data directory is in use"],
  DATA_DAMAGED: [500, "Data on the disk is damaged"],
  DATA_FORMAT_UNSUPPORTED: [500, "The data directory has another format"],
  DISK_FULL: [507, "The disk is full"],
  NOT_RUNNING: [503, "This part is not running"],
  TIMED_OUT: [504, "It took too long"],
  THREAD_ENDED: [503, "A part of Millrace has ended"],
};

export function makeProblem(
  code: ErrorCode,
  detail: string,
  more: {
    readonly remedy?: string | undefined;
    readonly status?: number;
    readonly errors?: readonly FieldProblem[];
  } = {},
): Problem {
  const [status, title] = PROBLEMS[code];
  return {
    type: problemType(code),
    title,
    status: more.status ?? status,
    code,
    detail: cut(detail),
    ...(more.remedy === undefined ? {} : { remedy: more.remedy }),
    ...(more.errors === undefined ? {} : { errors: more.errors }),
  };
}

/** What a client may know of a defect of ours: where to look, never what broke inside. */
export function internalProblem(requestId: string): Problem {
  return {
    type: problemType("INTERNAL"),
    title: "Something broke inside",
    status: 500,
    code: "INTERNAL",
    detail: `The request could not be served. The log has the error under request id ${requestId}.`,
    remedy: "Look the request id up in the log, and report the error if it comes again.",
  };
}

/** The problem of an operating error; null for anything else. */
export function problemOfMillraceError(error: unknown): Problem | null {
  return isMillraceError(error) ? makeProblem(error.code, error.message, { remedy: error.remedy }) : null;
}

/** True when the same request may succeed after a while. */
export function isPassing(code: Problem["code"]): boolean {
  return code !== "INTERNAL" && ERROR_CODES[code] === "later";
}

export function cut(text: string): string {
  const most = LIMITS.problemTextCharactersMax;
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}

function problemType(code: Problem["code"]): string {
  return `urn:millrace:problem:${code.toLowerCase().replaceAll("_", "-")}`;
}
