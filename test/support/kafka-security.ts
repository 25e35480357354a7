import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noKafka, startKafka, type KafkaServers } from "./kafka-servers.ts";
import type { BrokerAddress, KafkaSasl, KafkaTls } from "../../log/kafka/kafka-client.ts";

/** Why no broker with TLS can be started here; null when one can. */
export const noSecureKafka: string | null =
  noKafka ?? (spawnSync("openssl", ["version"]).status === 0 ? null : "openssl");

export type SecureListener = "PLAINTEXT" | "SASL" | "SHORT" | "TLS" | "MTLS" | "SASLTLS";

/** How long a session lasts at the listener SHORT, ms. */
export const SESSION_MS = 3000;

export interface SecureKafka extends KafkaServers {
  address(listener: SecureListener): readonly BrokerAddress[];
  /** What a client trusts, and what it signs in with. */
  readonly tls: Required<KafkaTls>;
}

export const KAFKA_USER = { username: "millrace", password: "open sesame" };

export function saslOf(mechanism: KafkaSasl["mechanism"]): KafkaSasl {
  return mechanism === "OAUTHBEARER"
    ? { mechanism, token: () => Promise.resolve(unsecuredToken(3600)) }
    : { mechanism, ...KAFKA_USER };
}

/** A token without a signature, as Kafka's own validator for tests takes it. */
export function unsecuredToken(lifetimeS: number): string {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: "none" }, { sub: KAFKA_USER.username, iat: now - 10, exp: now + lifetimeS }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

/** One broker that can be reached in every way that is supported. */
export async function startSecureKafka(): Promise<SecureKafka> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-kafka-keys-"));
  const files = makeKeys(directory);
  const listeners = { SASL: "SASL_PLAINTEXT", SHORT: "SASL_PLAINTEXT", TLS: "SSL", MTLS: "SSL", SASLTLS: "SASL_SSL" };
  const formatArguments = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => {
    return ["--add-scram", `${mechanism}=[name=${KAFKA_USER.username},password="${KAFKA_USER.password}"]`];
  });
  const properties = {
    ...saslProperties("sasl"),
    ...saslProperties("short"),
    ...shortSessions("short"),
    ...saslProperties("sasltls"),
    ...tlsProperties("tls", files),
    ...tlsProperties("mtls", files),
    ...tlsProperties("sasltls", files),
    "listener.name.mtls.ssl.client.auth": "required",
  };
  const servers = await startKafka(1, properties, { listeners, formatArguments });
  const [broker] = servers.cluster.brokers;
  const tls = {
    ca: readFileSync(files.ca, "utf8"),
    cert: readFileSync(join(directory, "client.pem"), "utf8"),
    key: readFileSync(join(directory, "client.key"), "utf8"),
  };
  rmSync(join(directory, "client.key"));
  return {
    ...servers,
    tls,
    address: (listener) => [{ host: "127.0.0.1", port: broker?.listeners[listener] ?? broker?.port ?? 0 }],
    stop: async () => {
      await servers.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function saslProperties(listener: string): Record<string, string> {
  const of = `listener.name.${listener}`;
  const login = "org.apache.kafka.common.security";
  return {
    [`${of}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`${of}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required user_${KAFKA_USER.username}="${KAFKA_USER.password}";`,
    [`${of}.scram-sha-256.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${of}.scram-sha-512.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${of}.oauthbearer.sasl.jaas.config`]: `${login}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  };
}

function shortSessions(listener: string): Record<string, string> {
  const mechanisms = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"];
  return Object.fromEntries(
    mechanisms.map((mechanism) => [
      `listener.name.${listener}.${mechanism}.connections.max.reauth.ms`,
      String(SESSION_MS),
    ]),
  );
}

function tlsProperties(listener: string, { keystore, ca }: { keystore: string; ca: string }): Record<string, string> {
  const of = `listener.name.${listener}.ssl`;
  return {
    [`${of}.keystore.type`]: "PEM",
    [`${of}.keystore.location`]: keystore,
    [`${of}.truststore.type`]: "PEM",
    [`${of}.truststore.location`]: ca,
  };
}

/** A certificate authority, and what it has signed for the broker and for a client. */
function makeKeys(directory: string): { readonly keystore: string; readonly ca: string } {
  const path = (name: string): string => join(directory, name);
  const ca = path("ca.pem");
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    "/CN=ca",
    "-days",
    "2",
    "-keyout",
    path("ca.key"),
    "-out",
    ca,
  );
  for (const name of ["broker", "client"]) {
    openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      path(`${name}.key`),
      "-out",
      path("csr"),
    );
    writeFileSync(path("extensions"), "subjectAltName=IP:127.0.0.1,DNS:localhost");
    const authority = ["-CA", ca, "-CAkey", path("ca.key"), "-CAcreateserial", "-extfile", path("extensions")];
    openssl("x509", "-req", "-in", path("csr"), ...authority, "-days", "2", "-out", path(`${name}.pem`));
  }
  const keystore = path("keystore.pem");
  writeFileSync(keystore, readFileSync(path("broker.key"), "utf8") + readFileSync(path("broker.pem"), "utf8"));
  return { keystore, ca };
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
