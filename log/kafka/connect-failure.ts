import { errorText, MillraceError } from "../../core/errors.ts";
import type { BrokerAddress, KafkaClientOptions } from "./kafka-client.ts";

/** Of the system: whatever else the text says, nobody was there. */
const UNREACHABLE = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;
const OPENSSL = /error:[0-9A-F]{8}:[^:]*:[^:]*:([^:\n]+)/;
/** Codes of Node, and what the libraries say where they keep none. */
const WRONG_TLS = [/^ERR_(TLS|SSL|OSSL)|CERT|SIGNATURE|^EPROTO$/, OPENSSL, /Broker requires TLS|secure TLS connection/];
/** Kafka's names for its answers, and the error of kafkajs into which it folds them. */
const REFUSED =
  /^(SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|TOKEN_REFUSED|KafkaJSSASLAuthenticationError)$/;
/** Which that library also throws when nobody has answered. */
const UNANSWERED = /timed out|closed connection|not connected|connection error/i;
const NO_SASL = "ILLEGAL_SASL_STATE";

/**
 * Why a connection could not be made, or ended at once, from whichever library. CONFIG_INVALID for what another attempt will not
 * change.
 */
export function connectFailure(
  { host, port }: BrokerAddress,
  error: unknown,
  { sasl, tls }: Pick<KafkaClientOptions, "sasl" | "tls">,
): MillraceError {
  const place = `the Kafka broker ${host}:${port}`;
  const { texts, marks } = chainOf(error);
  const text = plainText(texts.at(-1) ?? "");
  const invalid = (message: string, remedy: string) =>
    new MillraceError("CONFIG_INVALID", message, { cause: error, remedy });
  if (!marks.some((mark) => UNREACHABLE.test(mark))) {
    if (marks.includes(NO_SASL)) {
      const remedy = "Unset MILLRACE_KAFKA_SASL, or name the port at which the brokers take credentials.";
      return invalid(`${place} takes no credentials at this port`, remedy);
    }
    if (sasl !== null && marks.some((mark) => REFUSED.test(mark)) && !UNANSWERED.test(text)) {
      const remedy = "Check MILLRACE_KAFKA_SASL, and the user and the password, or the token, against the broker's.";
      return invalid(`${place} refuses the ${sasl.mechanism} credentials`, remedy);
    }
    if ([...marks, ...texts].some((mark) => WRONG_TLS.some((wrong) => wrong.test(mark)))) {
      const remedy =
        tls === null
          ? "The broker wants TLS: set MILLRACE_KAFKA_TLS=1."
          : "Check that the port speaks TLS, that MILLRACE_KAFKA_TLS_CA names its authority, and MILLRACE_KAFKA_TLS_CERT and _KEY what it wants.";
      return invalid(`no TLS connection to ${place}: ${text}`, remedy);
    }
  }
  return new MillraceError("LOG_LOST", `${place} cannot be reached: ${text}`, { cause: error });
}

/** A request was not answered: whether it was carried out is not known. */
export function requestFailure({ host, port }: BrokerAddress, error: unknown): MillraceError {
  const text = plainText(chainOf(error).texts.at(-1) ?? "");
  return new MillraceError("LOG_IO", `the Kafka broker ${host}:${port} did not answer: ${text}`, { cause: error });
}

/** What is thrown into the libraries when Kafka's answer to a token is not empty. */
export function tokenRefused(reason: Uint8Array): Error {
  return Object.assign(new Error(new TextDecoder().decode(reason)), { code: "TOKEN_REFUSED" });
}

/** From the outside in: what each error says, and what it is called. */
function chainOf(error: unknown): { readonly texts: string[]; readonly marks: string[] } {
  const texts: string[] = [];
  const marks: string[] = [];
  for (let current = error; current !== undefined && current !== null && texts.length < 8;) {
    texts.push(errorText(current));
    for (const name of ["name", "code", "apiId", "type"]) {
      const mark: unknown = typeof current === "object" ? Reflect.get(current, name) : undefined;
      if (typeof mark === "string") marks.push(mark);
    }
    current = current instanceof AggregateError ? current.errors[0] : current instanceof Error ? current.cause : null;
  }
  return { texts, marks };
}

/** One line without what only the libraries' authors need. */
function plainText(text: string): string {
  const reason = OPENSSL.exec(text)?.[1] ?? text.replace(/^(Connection error|Failed to connect): /, "");
  return reason.replaceAll(/\s+/g, " ").replace(/[.:\s]+$/, "");
}
