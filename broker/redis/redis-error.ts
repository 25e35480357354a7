import { ErrorReply } from "@redis/client";
import { type ErrorCode, MillraceError } from "../../core/errors.ts";

type Decision = readonly [code: ErrorCode, remedy: string];

const SIGN_IN: Decision = ["CONFIG_INVALID", "Correct user and password in MILLRACE_REDIS_URL."];
const AWAY: Decision = ["LINK_IO", "Start Redis there, or correct MILLRACE_REDIS_URL."];
const TRUST: Decision = [
  "LINK_IO",
  "Name the authority of its certificate in NODE_EXTRA_CA_CERTS, or correct MILLRACE_REDIS_URL.",
];
const BUSY: Decision = ["LINK_IO", "Wait until the server has started, or look into its log."];

/** What decides something here: the first word of an error reply is its code. Source: https://redis.io/docs/latest/develop/reference/protocol-spec */
const BY_CODE: Readonly<Record<string, Decision>> = {
  WRONGPASS: SIGN_IN,
  NOAUTH: SIGN_IN,
  NOPERM: ["CONFIG_INVALID", "Give the user the rights that docs/operating.md lists."],
  READONLY: ["CONFIG_INVALID", "Let MILLRACE_REDIS_URL lead to the primary."],
  LOADING: BUSY,
  BUSY,
  MASTERDOWN: BUSY,
  OOM: ["LINK_IO", "Raise its maxmemory, or remove what else it holds."],
  MISCONF: ["LINK_IO", "Look why the server cannot save to its disk: it takes no writes until it can."],
  NOREPLICAS: ["LINK_IO", "Bring its replicas back, or lower min-replicas-to-write."],
};
/** HELLO came with Redis 6; older ones answer it with a plain ERR. */
const UNKNOWN: Decision = ["CONFIG_INVALID", "Use Redis 7 or newer."];

/** Errors of the client as MillraceErrors: what the server answered by its code, all else comes from the socket. */
export function redisError(error: unknown, target: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const text = `Redis ${target}: ${socketText(error)}`;
  const [code, remedy] = error instanceof ErrorReply ? (BY_CODE[firstWord(error.message)] ?? UNKNOWN) : bySocket(error);
  return new MillraceError(code, text, { cause: error, remedy });
}

/** Node's names of what OpenSSL says: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function bySocket(error: unknown): Decision {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /CERT|ISSUER|ALTNAME/.test(code) ? TRUST : AWAY;
}

function firstWord(text: string): string {
  return text.split(" ", 1)[0] ?? "";
}

/** A name with several addresses, none of which answers, gives an AggregateError with an empty message. */
function socketText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Some answers are whole sentences, some are not: the remedy follows behind a full stop of ours.
  if (error.message !== "") return error.message.replace(/\.$/, "");
  return "code" in error && typeof error.code === "string" ? error.code : "no connection";
}
