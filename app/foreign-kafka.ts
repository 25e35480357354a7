import { hostname } from "node:os";
import { LIMITS } from "../core/limits.ts";
import { loadKafkaClient } from "./kafka-client-options.ts";
import type { KafkaCluster } from "../log/kafka/kafka-cluster.ts";
import type { KafkaSasl } from "../log/kafka/kafka-client.ts";
import type { Config } from "./config.ts";
import type { KafkaTopicAddress } from "./kafka-url.ts";

/** How somebody's Kafka is signed in to. */
export interface ForeignSignIn {
  /** Null without credentials. */
  readonly mechanism: KafkaSasl["mechanism"] | null;
  readonly user: string;
  /** The password, or the token of OAUTHBEARER: asked for each connection. */
  readonly secret: () => string;
}

/** Connections to a Kafka that is not this installation's log. Nothing is asked of it yet. */
export async function openForeignKafka(
  config: Pick<Config, "kafkaClient">,
  { tls, brokers }: KafkaTopicAddress,
  signIn: ForeignSignIn,
  purpose: string,
): Promise<KafkaCluster> {
  const [{ KafkaCluster: Cluster }, createClient] = await Promise.all([
    import("../log/kafka/kafka-cluster.ts"),
    loadKafkaClient(config),
  ]);
  const options = {
    clientId: `millrace ${purpose} ${hostname()} ${process.pid}`,
    tls: tls ? {} : null,
    connectTimeoutMs: LIMITS.kafkaConnectTimeoutMs,
    requestTimeoutMs: LIMITS.kafkaRequestTimeoutMs,
  };
  // What signs in may have changed since the last connection.
  const connect = (address: (typeof brokers)[number]) =>
    createClient({ ...options, sasl: saslOf(signIn) }).connect(address);
  return new Cluster({ client: { connect: async (address) => connect(address) }, bootstrap: brokers });
}

function saslOf({ mechanism, user, secret }: ForeignSignIn): KafkaSasl | null {
  if (mechanism === null) return null;
  if (mechanism === "OAUTHBEARER") return { mechanism, token: () => Promise.resolve(secret()) };
  return { mechanism, username: user, password: secret() };
}
