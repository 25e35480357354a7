import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { KAFKA_SASL } from "./kafka-sasl.ts";
import { parseKafkaUrl } from "./kafka-url.ts";

const IS_KAFKA = /^kafkas?:\/\//;
const MQTT_URL = z.url({ protocol: /^(mqtts?|wss?)$/ });

/** Settings of who forwards telemetry to another installation: a part of those in config.ts. */
export const forwardSettings = {
  forwardUrl: z
    .string()
    .refine((url) => IS_KAFKA.test(url) || MQTT_URL.safeParse(url).success, {
      error:
        "it is a URL of the form mqtts://host:8883, wss://host:8081/mqtt, or of a topic: kafkas://host:9093,host:9093/topic",
    })
    .optional()
    .describe(
      "Forward all telemetry to the Millrace installation at this address, or into this topic of a Kafka, from which `millrace relay` brings it there; see edge.md.",
    ),
  forwardToken: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Token of the gateway as which this installation is known there; of a Kafka the password, or the token of OAUTHBEARER.",
    ),
  forwardTokenFile: z.string().optional().describe("File with that token instead; read again for every connection."),
  forwardSasl: KAFKA_SASL.optional().describe(
    "How to sign in to the Kafka that telemetry is forwarded to; without it nobody signs in.",
  ),
  forwardUser: z.string().min(1).optional().describe("User there, for PLAIN and SCRAM."),
  forwardWhenFull: z
    .enum(["hold", "drop-oldest"], { error: "it is hold or drop-oldest" })
    .default("hold")
    .describe(
      "What is to become of telemetry that is not forwarded yet when the log is full. hold: it stays, and devices get no acknowledgement for more. drop-oldest: the log goes on, and what it forgets unforwarded is counted and said.",
    ),
};

/** Just what `checkForward` looks at. */
export interface ForwardTarget {
  readonly forwardUrl?: string | undefined;
  readonly forwardToken?: string | undefined;
  readonly forwardTokenFile?: string | undefined;
  readonly forwardSasl?: string | undefined;
  readonly forwardUser?: string | undefined;
}

/** CONFIG_INVALID when address and token do not belong together. */
export function checkForward(target: ForwardTarget): void {
  const { forwardUrl, forwardToken, forwardTokenFile } = target;
  if (forwardUrl !== undefined && /^\w+:\/\/[^/]*@/.test(forwardUrl)) {
    refuse(
      "the address of the installation upstream has a user or a password in it",
      "Take it out of MILLRACE_FORWARD_URL: the token is MILLRACE_FORWARD_TOKEN or MILLRACE_FORWARD_TOKEN_FILE, the user of a Kafka MILLRACE_FORWARD_USER.",
    );
  }
  const tokens = [forwardToken, forwardTokenFile].filter((given) => given !== undefined).length;
  if (tokens > 1) {
    refuse(
      "there are two tokens for the installation upstream",
      "Set one of MILLRACE_FORWARD_TOKEN and MILLRACE_FORWARD_TOKEN_FILE.",
    );
  }
  if (forwardUrl !== undefined && IS_KAFKA.test(forwardUrl)) return checkKafka(forwardUrl, target, tokens);
  if (target.forwardSasl !== undefined || target.forwardUser !== undefined) {
    refuse(
      "there is a way to sign in to a Kafka, and telemetry is forwarded to none",
      "Unset MILLRACE_FORWARD_SASL and MILLRACE_FORWARD_USER, or set MILLRACE_FORWARD_URL to kafka://host:9092/topic.",
    );
  }
  if (tokens === (forwardUrl === undefined ? 0 : 1)) return;
  refuse(
    forwardUrl === undefined
      ? "there is a token for an installation upstream, and nothing says where that is"
      : "telemetry cannot be forwarded without a token of the installation upstream",
    "Set MILLRACE_FORWARD_URL, and one of MILLRACE_FORWARD_TOKEN and MILLRACE_FORWARD_TOKEN_FILE.",
  );
}

function checkKafka(url: string, { forwardSasl, forwardUser }: ForwardTarget, tokens: number): void {
  if (parseKafkaUrl(url) === null) {
    refuse(
      `${url} names no topic of a Kafka`,
      "Set MILLRACE_FORWARD_URL to brokers, each with its port, and a topic: kafka://host:9092,host:9092/topic, or kafkas:// with TLS.",
    );
  }
  const needsUser = forwardSasl !== undefined && forwardSasl !== "OAUTHBEARER";
  if (tokens !== (forwardSasl === undefined ? 0 : 1) || (forwardUser !== undefined) !== needsUser) {
    refuse(
      forwardSasl === undefined
        ? "there is a user or a password for the Kafka that is forwarded to, and nothing says how to sign in"
        : `signing in with ${forwardSasl} needs ${needsUser ? "a user and a password" : "a token and no user"}`,
      "Set MILLRACE_FORWARD_SASL, for PLAIN and SCRAM MILLRACE_FORWARD_USER, and the password or token in MILLRACE_FORWARD_TOKEN or MILLRACE_FORWARD_TOKEN_FILE; none of them where nobody signs in.",
    );
  }
}

function refuse(text: string, remedy: string): never {
  throw new MillraceError("CONFIG_INVALID", text, { remedy });
}
