import { ERROR_CODES, MillraceError, errorText } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";

/** What fetch and its sockets report when somebody is there and does not answer, or stops in the middle. */
const BUSY_CODES: readonly unknown[] = [
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
];

/** What the API says to programs, in the words of the command line. */
const COMMAND_REMEDIES: Partial<Record<ErrorCode, string>> = {
  NOT_AUTHENTICATED: "Give the admin token with --token.",
  NOT_FOUND: "See millrace devices list.",
  ALREADY_EXISTS: "See it with millrace devices list; millrace apply and millrace devices import change devices.",
  SINK_UNAVAILABLE: "See millrace doctor.",
};

const START_IT = "Start it (millrace start), or name another with --url and --token.";

interface NotRunningOptions {
  readonly cause?: unknown;
  readonly remedy?: string;
}

const NAMES_A_ROUTE = /\b(?:GET|POST|PUT|PATCH|DELETE) \/|\/api\/v1|\/docs\b|\/readyz\b/;

/** A failed fetch as ours: NOT_RUNNING when nobody is there, TIMED_OUT when somebody is who does not answer. */
export function toConnectionError(error: unknown, url: string): MillraceError {
  // fetch hides what happened in the cause.
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = reason instanceof Error && "code" in reason ? reason.code : undefined;
  const waited = reason instanceof Error && reason.name === "TimeoutError";
  if (!waited && !BUSY_CODES.includes(code)) {
    // Both addresses of a name may have refused: then the texts are inside.
    const text = reason instanceof AggregateError ? reason.errors.map(errorText).join(", ") : errorText(reason);
    return notRunning(`nothing answers at ${url}: ${text}`, { cause: error });
  }
  return new MillraceError("TIMED_OUT", `the instance at ${url} is busy: ${errorText(reason)}`, {
    cause: error,
    remedy: "Try again; if it stays so, see what millrace start prints.",
  });
}

export function notRunning(message: string, { cause, remedy = START_IT }: NotRunningOptions = {}): MillraceError {
  return new MillraceError("NOT_RUNNING", message, { cause, remedy });
}

/** An answer that is no success as the error that it was. */
export function toAnsweredError(problem: unknown, status: number): MillraceError {
  const text = (name: string): string | undefined => {
    if (typeof problem !== "object" || problem === null) return undefined;
    const value: unknown = Reflect.get(problem, name);
    return typeof value === "string" ? value : undefined;
  };
  const code = knownCode(text("code"));
  const remedy = text("remedy");
  const own = code === "NOT_AUTHENTICATED" || remedy === undefined || NAMES_A_ROUTE.test(remedy);
  const detail = text("detail") ?? `the API answered ${status}`;
  // Only of a device: not all that can be missing is one.
  const common = code !== "NOT_FOUND" || /\bdevice\b/i.test(detail) ? COMMAND_REMEDIES[code] : undefined;
  const shown = own ? common : remedy;
  return new MillraceError(code, detail, shown === undefined ? {} : { remedy: shown });
}

function knownCode(code: string | undefined): ErrorCode {
  const isKnown = (text: string): text is ErrorCode => Object.hasOwn(ERROR_CODES, text);
  return code !== undefined && isKnown(code) ? code : "NOT_RUNNING";
}
