import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { givenEnvironment } from "./config.ts";
import { environmentName } from "./environment-name.ts";
import { kebabCase } from "./kebab-case.ts";
import { wholeNumber } from "./whole-number.ts";
import { KAFKA_SASL } from "./kafka-sasl.ts";
import { parseKafkaUrl, type KafkaTopicAddress } from "./kafka-url.ts";

/** Settings of `millrace relay`: each is `--name`, or `MILLRACE_RELAY_NAME`. */
const settings = {
  from: z
    .string()
    .describe("Topic that edges forward into: kafkas://host:9093,host:9093/topic, or kafka:// without TLS."),
  to: z
    .url({ protocol: /^(mqtts?|wss?)$/, error: "it is a URL of the form mqtts://host:8883, or wss://host:8081/mqtt" })
    .describe(
      "The installation that it is brought to: mqtts://host:8883, wss://host:8081/mqtt, or without TLS mqtt://, ws://.",
    ),
  token: z.string().min(1).optional().describe("Token of the gateway as which the edges are known there."),
  tokenFile: z.string().optional().describe("File with that token instead; read again for every connection."),
  group: z
    .string()
    .regex(/^[\w.-]{1,200}$/, "it is up to 200 letters, digits, dots, underscores and hyphens")
    .default("millrace-relay")
    .describe("Consumer group: relays with the same one share the topic's partitions."),
  sasl: KAFKA_SASL.optional().describe("How to sign in to the Kafka; without it nobody signs in."),
  user: z.string().min(1).optional().describe("User there, for PLAIN and SCRAM."),
  password: z.string().min(1).optional().describe("The password, or the token of OAUTHBEARER."),
  passwordFile: z.string().optional().describe("File with it instead; read again for every connection."),
  skipBad: z
    .string()
    .min(1)
    .optional()
    .describe("Write records that cannot be relayed into this file, and go on; without it their partition stands."),
  probePort: wholeNumber(0, 65_535)
    .optional()
    .describe("Port of /healthz, /readyz and /metrics; nobody is answered when absent, 0 picks a free one."),
  probeHost: z.string().min(1).default("127.0.0.1").describe("Address to listen on there."),
};

const schema = z.object(settings);
export type RelaySettings = z.infer<typeof schema> & { readonly address: KafkaTopicAddress };

/** Their values stay out of messages, and there are no flags for them. */
export const RELAY_SECRETS: readonly string[] = ["token", "password"];

/** CONFIG_INVALID names the setting and what is allowed. */
export function readRelaySettings(
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv = givenEnvironment(),
): RelaySettings {
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(settings)) {
    const value = flags[name] ?? environment[variableOf(name)];
    if (value !== undefined && value !== "") given[name] = value;
  }
  for (const name of ["from", "to"]) {
    if (given[name] !== undefined) continue;
    throw new MillraceError(
      "CONFIG_INVALID",
      `nothing says ${name === "from" ? "which topic is relayed" : "where to"}`,
      {
        remedy: `Set --${name} or ${variableOf(name)}.`,
      },
    );
  }
  refuseUsers(given);
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0] ?? "");
    const shown = RELAY_SECRETS.includes(name) ? "what was given" : JSON.stringify(given[name]);
    const where = RELAY_SECRETS.includes(name) ? variableOf(name) : `--${kebabCase(name)} or ${variableOf(name)}`;
    throw new MillraceError("CONFIG_INVALID", `${shown} is no value for ${kebabCase(name)}: ${issue?.message ?? ""}`, {
      remedy: `Correct ${where}.`,
    });
  }
  const address = parseKafkaUrl(parsed.data.from);
  if (address === null) {
    throw new MillraceError("CONFIG_INVALID", `${parsed.data.from} names no topic of a Kafka`, {
      remedy:
        "It is brokers, each with its port, and a topic: kafka://host:9092,host:9092/topic, or kafkas:// with TLS.",
    });
  }
  checkSecrets(parsed.data);
  return { ...parsed.data, address };
}

/** `skipBad` → `MILLRACE_RELAY_SKIP_BAD`. */
function variableOf(name: string): string {
  return environmentName(`relay-${kebabCase(name)}`);
}

/** Before anything is said that has the address in it. */
function refuseUsers(given: Readonly<Record<string, unknown>>): void {
  for (const name of ["from", "to"]) {
    if (!/^\w+:\/\/[^/]*@/.test(String(given[name]))) continue;
    throw new MillraceError("CONFIG_INVALID", `the address of --${name} has a user or a password in it`, {
      remedy: `Take it out: ${name === "to" ? "the token is MILLRACE_RELAY_TOKEN or --token-file" : "the user is --user, the password MILLRACE_RELAY_PASSWORD or --password-file"}.`,
    });
  }
}

function checkSecrets({ token, tokenFile, sasl, user, password, passwordFile }: z.infer<typeof schema>): void {
  const count = (...secrets: readonly (string | undefined)[]) => secrets.filter((one) => one !== undefined).length;
  if (count(token, tokenFile) !== 1) {
    throw new MillraceError(
      "CONFIG_INVALID",
      count(token, tokenFile) === 0
        ? "nothing can be relayed without a token of the installation upstream"
        : "there are two tokens for the installation upstream",
      {
        remedy: "Set one of MILLRACE_RELAY_TOKEN and --token-file; millrace devices add NAME --gateway gives one out.",
      },
    );
  }
  const needsUser = sasl !== undefined && sasl !== "OAUTHBEARER";
  const hasWhatItNeeds =
    count(password, passwordFile) === (sasl === undefined ? 0 : 1) && count(user) === (needsUser ? 1 : 0);
  if (hasWhatItNeeds) return;
  throw new MillraceError(
    "CONFIG_INVALID",
    sasl === undefined
      ? "there is a user or a password for the Kafka, and nothing says how to sign in"
      : `signing in with ${sasl} needs ${needsUser ? "a user and a password" : "a token and no user"}`,
    {
      remedy:
        "Set --sasl, for PLAIN and SCRAM --user, and MILLRACE_RELAY_PASSWORD or --password-file; none of them where nobody signs in.",
    },
  );
}

/** Settings with flag, variable, default and meaning, for the generated reference. */
export function relayReference(): { name: string; variable: string; fallback: string; meaning: string }[] {
  return Object.entries(settings).map(([name, setting]) => {
    const { description = "" } = setting;
    const standard: unknown = setting.safeParse(undefined).data;
    const fallback = standard === undefined ? "" : `\`${JSON.stringify(standard)}\``;
    const flag = RELAY_SECRETS.includes(name) ? "" : `\`--${kebabCase(name)}\``;
    return { name: flag, variable: variableOf(name), fallback, meaning: description };
  });
}
