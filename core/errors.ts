/**
 * Every operating error carries a code and a retry decision, made once, where the vendor's error is wrapped.
 * Code that catches decides by `code` or `retry`, never by message. A programmer's error is not one of these and crashes.
 *
 * - `never`: the same call fails again; the input or the configuration must change.
 * - `later`: the same call may succeed after a while (full disk, lost server); back off and repeat.
 * - `restore`: the caller's own state is stale (somebody else owns the partition); drop it, restore, go on.
 */
export type RetryDecision = "never" | "later" | "restore";

/** All codes with their retry decision. `docs/errors.md` documents each; test/tidy.test.ts compares. */
export const ERROR_CODES = {
  // log
  LOG_FULL: "later",
  LOG_CLOSED: "later",
  LOG_IO: "later",
  LOG_LOST: "later",
  JOURNAL_FENCED: "restore",
  OFFSET_OUT_OF_RANGE: "never",
  BATCH_CORRUPT: "never",
  BATCH_TOO_LARGE: "never",
  BATCH_UNSUPPORTED: "never",
  STATE_LOST: "never",
  UNKNOWN_TOPIC: "never",
  // edge
  MQTT_MALFORMED: "never",
  MQTT_UNSUPPORTED: "never",
  PACKET_TOO_LARGE: "never",
  PAYLOAD_TOO_LARGE: "never",
  TOPIC_INVALID: "never",
  LIMIT_EXCEEDED: "later",
  NOT_AUTHENTICATED: "never",
  NOT_AUTHORIZED: "never",
  LINK_IO: "later",
  SESSION_STORE_IO: "later",
  // registry, API, configuration
  NOT_FOUND: "never",
  ALREADY_EXISTS: "never",
  INVALID_INPUT: "never",
  REGISTRY_IO: "later",
  // stages
  STATE_INVALID: "never",
  FUNCTION_INVALID: "never",
  // sinks
  SINK_UNAVAILABLE: "later",
  SINK_REFUSED: "never",
  CHDB_MISSING: "never",
  DELIVERY_FAILED: "later",
  // start
  CONFIG_INVALID: "never",
  PORT_IN_USE: "never",
  DATA_DIRECTORY_UNWRITABLE: "never",
  DATA_DIRECTORY_LOCKED: "never",
  DATA_FORMAT_UNSUPPORTED: "never",
  DATA_DAMAGED: "never",
  DISK_FULL: "later",
  NOT_RUNNING: "never",
  TIMED_OUT: "later",
  THREAD_ENDED: "later",
} as const satisfies Record<string, RetryDecision>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An operating error. `message` says what happened and why; `remedy`, where there is one, what to do. */
export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly retry: RetryDecision;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retry = ERROR_CODES[code];
    this.remedy = options.remedy;
  }
}

export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  try {
    return error instanceof MillraceError && (code === undefined || error.code === code);
  } catch {
    // A Proxy that answers with an error is none of ours.
    return false;
  }
}

/** The text of anything thrown, for logs and dead letters. Never throws, whatever a user's function threw. */
export function errorText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "what was thrown has no text";
  }
}
