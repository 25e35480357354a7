import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import {
  noSecureKafka,
  saslOf,
  SESSION_MS,
  startSecureKafka,
  type SecureKafka,
  type SecureListener,
} from "../../support/kafka-security.ts";
import { openTestKafkaLog, type TestLogOptions } from "../../support/kafka-servers.ts";
import { allTexts, at, readPartition, readRecords, text } from "./log-harness.ts";
import type { CreateKafkaClient, KafkaSasl } from "../../../log/kafka/kafka-client.ts";

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

      test(
        "goes on when its sessions end, and nobody who appends, reads or looks hears of it",
        { timeout: 60_000 },
        async () => {
          await Promise.all(MECHANISMS.map((mechanism) => useThroughSessions(saslOf(mechanism))));
        },
      );

      async function useThroughSessions(sasl: KafkaSasl): Promise<void> {
        let connections = 0;
        const counting: CreateKafkaClient = (options) => {
          const client = createClient(options);
          return {
            connect(address) {
              connections += 1;
              return client.connect(address);
            },
          };
        };
        const log = await openTestKafkaLog(kafka.address("SHORT"), counting, 2, undefined, { sasl });
        try {
          await log.status();
          const atFirst = connections;
          const until = performance.now() + SESSION_MS * 3.5;
          const appended: string[] = [];
          const read: string[] = [];
          const reader = log.openReader([at("telemetry", 0, 0)]);
          const repeat = async (work: () => Promise<unknown>): Promise<void> => {
            while (performance.now() < until) await work();
          };
          await Promise.all([
            repeat(async () => {
              const value = `m${appended.length}`;
              appended.push(value);
              expect(await log.append("telemetry", 0, [text(value)])).toBe(appended.length - 1);
            }),
            repeat(async () => read.push(...allTexts(await reader.poll({ bytesMax: 1 << 20, waitMs: 500 })))),
            // Several at once, of which one always waits; and at times none for longer than a session.
            ...[0, 0, 50, SESSION_MS + 300].map((pauseMs) => repeat(() => log.status().then(() => delay(pauseMs)))),
          ]);
          read.push(...allTexts(await readRecords(reader, appended.length - read.length)));
          expect(read).toEqual(appended);
          expect(connections).toBeGreaterThan(atFirst + 3);
        } finally {
          await log.close(AbortSignal.timeout(5000));
        }
      }
    });
  },
);
