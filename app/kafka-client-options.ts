import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { readFile } from "node:fs/promises";
import { errorText, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { environmentName } from "./environment-name.ts";
import type { Config } from "./config.ts";
import type {
  BrokerAddress,
  CreateKafkaClient,
  KafkaClient,
  KafkaClientOptions,
  KafkaSasl,
  KafkaTls,
} from "../log/kafka/kafka-client.ts";

/** The client library that is configured. Loaded when it is needed only: an embedded installation has neither in memory. */
export async function createKafkaClient(config: Config): Promise<KafkaClient> {
  const options = kafkaClientOptions(config);
  return (await loadKafkaClient(config))(options);
}

export async function loadKafkaClient({ kafkaClient }: Pick<Config, "kafkaClient">): Promise<CreateKafkaClient> {
  if (kafkaClient === "kafkajs") return (await import("../log/kafka/kafkajs-client.ts")).createKafkajsClient;
  return (await import("../log/kafka/platformatic-client.ts")).createPlatformaticClient;
}

/** `host:port,host:port` */
export function brokerAddresses(brokers: string): BrokerAddress[] {
  return brokers.split(",").map((address) => {
    const [host = "", port = ""] = address.split(":");
    return { host, port: Number(port) };
  });
}

/** CONFIG_INVALID for what does not go together, and for files that cannot be read. */
export function kafkaClientOptions(config: Config): KafkaClientOptions {
  return {
    // Shown as the owner of partitions.
    clientId: `millrace ${config.role} ${hostname()} ${process.pid}`,
    tls: config.kafkaTls ? tlsOf(config) : null,
    sasl: config.kafkaSasl === undefined ? null : saslOf(config, config.kafkaSasl),
    connectTimeoutMs: LIMITS.kafkaConnectTimeoutMs,
    requestTimeoutMs: LIMITS.kafkaRequestTimeoutMs,
  };
}

function tlsOf(config: Config): KafkaTls {
  const files = { ca: config.kafkaTlsCa, cert: config.kafkaTlsCert, key: config.kafkaTlsKey };
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw new MillraceError(
      "CONFIG_INVALID",
      "a certificate to sign in to Kafka with needs its key, and the key its certificate",
      {
        remedy: `Set both ${environmentName("kafkaTlsCert")} and ${environmentName("kafkaTlsKey")}, or none.`,
      },
    );
  }
  const read = Object.entries(files).flatMap(([name, path]) => (path === undefined ? [] : [[name, readText(path)]]));
  return Object.fromEntries(read);
}

function saslOf(config: Config, mechanism: KafkaSasl["mechanism"]): KafkaSasl {
  if (mechanism === "OAUTHBEARER") {
    const path = required(config, "kafkaTokenFile", mechanism);
    return { mechanism, token: async () => (await readFile(path, "utf8")).trim() };
  }
  const username = required(config, "kafkaUser", mechanism);
  return { mechanism, username, password: required(config, "kafkaPassword", mechanism) };
}

function required(config: Config, name: "kafkaUser" | "kafkaPassword" | "kafkaTokenFile", mechanism: string): string {
  const value = config[name];
  if (value !== undefined) return value;
  throw new MillraceError("CONFIG_INVALID", `signing in to Kafka with ${mechanism} needs ${environmentName(name)}`, {
    remedy: `Set ${environmentName(name)}, or another ${environmentName("kafkaSasl")}.`,
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new MillraceError("CONFIG_INVALID", `a file for TLS to Kafka cannot be read: ${errorText(error)}`, {
      cause: error,
      remedy: "Name files that this user may read.",
    });
  }
}
