import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import {
  noSecureKafka,
  saslOf,
  startSecureKafka,
  type SecureKafka,
  type SecureListener,
} from "../../support/kafka-security.ts";
import { openTestKafkaLog, type TestLogOptions } from "../../support/kafka-servers.ts";
import { readPartition, text } from "./log-harness.ts";
import type { KafkaSasl } from "../../../log/kafka/kafka-client.ts";

const CLIENTS = [
  ["@platformatic/kafka", createPlatformaticClient],
  ["kafkajs", createKafkajsClient],
] as const;
const MECHANISMS: readonly KafkaSasl["mechanism"][] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

describe.skipIf(noSecureKafka !== null)(
  `a log on a Kafka that is locked (needs ${noSecureKafka ?? "Java, Maven, openssl"})`,
  () => {
    let kafka: SecureKafka;
    beforeAll(async () => {
      kafka = await startSecureKafka();
    }, 300_000);
    afterAll(() => kafka?.stop());

    describe.each(CLIENTS)("through %s", (_name, createClient) => {
      /** The log opens, appends and reads, all over the one listener. */
      async function use(listener: SecureListener, options: TestLogOptions): Promise<void> {
        const log = await openTestKafkaLog(kafka.address(listener), createClient, 2, undefined, options);
        try {
          expect(await log.append("telemetry", 1, [text("a"), text("b")])).toBe(0);
          expect(await readPartition(log, "telemetry", 1, 0)).toEqual(["a", "b"]);
        } finally {
          await log.close(AbortSignal.timeout(5000));
        }
      }

      test.each(MECHANISMS)("signs in with %s", (mechanism) => use("SASL", { sasl: saslOf(mechanism) }));
      test("speaks TLS", () => use("TLS", { tls: { ca: kafka.tls.ca } }));
      test("signs in with a certificate", () => use("MTLS", { tls: kafka.tls }));
      test.each(MECHANISMS)("signs in with %s over TLS", (mechanism) => {
        return use("SASLTLS", { tls: { ca: kafka.tls.ca }, sasl: saslOf(mechanism) });
      });
    });
  },
);
