import { errorText, MillraceError } from "../../core/errors.ts";
import type { BrokerAddress, KafkaClientOptions } from "./kafka-client.ts";

const REFUSED = /authenticat|sasl|credential|mechanism/i;
const WRONG_TLS = /tls|ssl|certificate|self[- ]signed|EPROTO|wrong version/i;

/**
 * Why a connection could not be made, from whichever library. CONFIG_INVALID for what another attempt will not change.
 */
export function connectFailure(
  { host, port }: BrokerAddress,
  error: unknown,
  { sasl, tls }: Pick<KafkaClientOptions, "sasl" | "tls">,
): MillraceError {
  const texts = textsOf(error);
  const text = texts.join(": ");
  const place = `${host}:${port}`;
  if (sasl !== null && REFUSED.test(text)) {
    return new MillraceError("CONFIG_INVALID", `the Kafka broker ${place} refuses the ${sasl.mechanism} credentials`, {
      cause: error,
      remedy: "Check MILLRACE_KAFKA_SASL, the user and the password against the broker's.",
    });
  }
  if (WRONG_TLS.test(text)) {
    return new MillraceError(
      "CONFIG_INVALID",
      `no TLS connection to the Kafka broker ${place}: ${texts.at(-1) ?? text}`,
      {
        cause: error,
        remedy:
          tls === null
            ? "The broker wants TLS: set MILLRACE_KAFKA_TLS=1."
            : "Check that the port speaks TLS and that MILLRACE_KAFKA_TLS_CA names its certificate authority.",
      },
    );
  }
  return new MillraceError("LOG_LOST", `the Kafka broker ${place} cannot be reached: ${texts.at(-1) ?? text}`, {
    cause: error,
  });
}

/** From the outside in. */
function textsOf(error: unknown): string[] {
  const texts: string[] = [];
  for (let current = error; current !== undefined && current !== null && texts.length < 8;) {
    texts.push(errorText(current));
    current = current instanceof AggregateError ? current.errors[0] : current instanceof Error ? current.cause : null;
  }
  return texts;
}
