import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isMillraceError, type MillraceError } from "../../../core/errors.ts";
import { KafkaCluster } from "../../../log/kafka/kafka-cluster.ts";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { startHttp, startOldBroker, startSilence, type FalseBroker } from "../../support/false-brokers.ts";
import {
  noSecureKafka,
  saslOf,
  startSecureKafka,
  unsecuredToken,
  type SecureKafka,
} from "../../support/kafka-security.ts";
import { openTestKafkaLog, type TestLogOptions } from "../../support/kafka-servers.ts";
import type { BrokerAddress } from "../../../log/kafka/kafka-client.ts";

const CLIENTS = [
  ["@platformatic/kafka", createPlatformaticClient],
  ["kafkajs", createKafkajsClient],
] as const;
const CHECK_ADDRESS = /MILLRACE_KAFKA_BROKERS/;
/** Only for who never answers: a real broker that is short of CPU takes seconds to refuse. */
const IMPATIENT: TestLogOptions = { requestTimeoutMs: 1000 };

interface Refusal {
  readonly brokers: readonly BrokerAddress[];
  readonly options?: TestLogOptions;
  readonly partitions?: number;
  readonly prefix?: string;
}

const closings: (() => void)[] = [];
afterEach(() => {
  for (const close of closings.splice(0)) close();
});

async function falseBroker(start: () => Promise<FalseBroker>): Promise<readonly BrokerAddress[]> {
  const { address, close } = await start();
  closings.push(close);
  return [address];
}

const at = (host: string, port: number): readonly BrokerAddress[] => [{ host, port }];

describe.each(CLIENTS)("a log that cannot be opened, through %s", (_name, createClient) => {
  /** How the attempt fails: in words for people, with what to do. */
  async function refusal({ brokers, options = {}, partitions = 2, prefix }: Refusal): Promise<MillraceError> {
    const opened = openTestKafkaLog(brokers, createClient, partitions, prefix, options);
    const error: unknown = await opened.then(
      (log) => log.close(AbortSignal.abort()),
      (reason: unknown) => reason,
    );
    if (!isMillraceError(error)) throw new Error(`no refusal: ${String(error)}`, { cause: error });
    expect(error.message).toMatch(/^[^\n]{20,}[^.:\s]$/);
    expect(error.message).not.toMatch(/routines:|Connection error|PLT_|KafkaJS/);
    expect(error.remedy).toMatch(/^[A-Z][^\n]+\.$/);
    return error;
  }

  test("because nothing listens there, or the host has no address", async () => {
    const nobody = await refusal({ brokers: at("127.0.0.1", 1) });
    expect(nobody).toMatchObject({
      code: "LOG_LOST",
      message: expect.stringMatching(/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/),
    });
    expect(nobody.remedy).toMatch(CHECK_ADDRESS);
    const nowhere = await refusal({
      brokers: at("sasl-ssl.invalid", 9092),
      options: { sasl: saslOf("PLAIN"), tls: {} },
    });
    expect(nowhere).toMatchObject({
      code: "LOG_LOST",
      message: expect.stringMatching(/(ENOTFOUND|EAI_AGAIN) sasl-ssl\.invalid/),
    });
  });

  test("because another kind of server answers", async () => {
    const brokers = await falseBroker(startHttp);
    expect(await refusal({ brokers })).toMatchObject({
      code: "LOG_LOST",
      remedy: expect.stringMatching(CHECK_ADDRESS),
    });
    expect(await refusal({ brokers, options: { tls: {} } })).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/^no TLS connection to .*wrong version number$/),
    });
  });

  test("because nobody says anything, whether we would sign in or not", { timeout: 60_000 }, async () => {
    const brokers = await falseBroker(startSilence);
    for (const options of [{}, { sasl: saslOf("PLAIN") }, { tls: {} }]) {
      expect(await refusal({ brokers, options: { ...IMPATIENT, ...options } })).toMatchObject({
        code: "LOG_LOST",
        remedy: expect.stringMatching(CHECK_ADDRESS),
      });
    }
  });

  test("because the broker is too old", async () => {
    const failed = await refusal({ brokers: await falseBroker(startOldBroker) });
    expect(failed).toMatchObject({ code: "CONFIG_INVALID", remedy: "Use Apache Kafka 4.0 to 4.3." });
    expect(failed.message).toMatch(/take Produce in versions 0 to 0, but version 8 is needed/);
  });

  describe.skipIf(noSecureKafka !== null)(`by a real broker (needs ${noSecureKafka ?? "Java, Maven, openssl"})`, () => {
    let kafka: SecureKafka;
    beforeAll(async () => {
      kafka = await startSecureKafka();
    }, 300_000);
    afterAll(() => kafka?.stop());

    test.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const)(
      "because the %s password is wrong",
      async (mechanism) => {
        const sasl = { mechanism, username: "millrace", password: "wrong" };
        const failed = await refusal({ brokers: kafka.address("SASL"), options: { sasl } });
        expect(failed).toMatchObject({
          code: "CONFIG_INVALID",
          message: expect.stringMatching(`refuses the ${mechanism} credentials$`),
        });
        expect(failed.message + (failed.remedy ?? "")).not.toContain("wrong");
      },
    );

    test("because the token has expired", async () => {
      const sasl = { mechanism: "OAUTHBEARER" as const, token: () => Promise.resolve(unsecuredToken(-5)) };
      const failed = await refusal({ brokers: kafka.address("SASL"), options: { sasl } });
      expect(failed).toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringMatching(/refuses the OAUTHBEARER credentials$/),
      });
    });

    test("because the token cannot be read, which may be another time", async () => {
      const sasl = { mechanism: "OAUTHBEARER" as const, token: () => Promise.reject(new Error("ENOENT: no token")) };
      const failed = await refusal({ brokers: kafka.address("SASL"), options: { sasl } });
      expect(failed).toMatchObject({ code: "LOG_LOST", message: expect.stringMatching(/ENOENT: no token$/) });
    });

    test("because it wants credentials, or wants none", async () => {
      const wanted = await refusal({ brokers: kafka.address("SASL") });
      expect(wanted).toMatchObject({ code: "LOG_LOST", remedy: expect.stringMatching(/MILLRACE_KAFKA_SASL/) });
      for (const mechanism of ["PLAIN", "SCRAM-SHA-512"] as const) {
        const unwanted = await refusal({ brokers: kafka.address("PLAINTEXT"), options: { sasl: saslOf(mechanism) } });
        expect(unwanted).toMatchObject({
          code: "CONFIG_INVALID",
          message: expect.stringMatching(/takes no credentials/),
        });
      }
    });

    test("because one of the two speaks TLS and the other does not", async () => {
      const plain = await refusal({ brokers: kafka.address("PLAINTEXT"), options: { tls: { ca: kafka.tls.ca } } });
      expect(plain).toMatchObject({
        code: "CONFIG_INVALID",
        remedy: expect.stringMatching(/Check that the port speaks TLS/),
      });
      const tls = await refusal({ brokers: kafka.address("TLS") });
      expect(tls.remedy).toMatch(/MILLRACE_KAFKA_TLS/);
      const both = await refusal({ brokers: kafka.address("SASLTLS"), options: { sasl: saslOf("PLAIN") } });
      expect(both.remedy).toMatch(/MILLRACE_KAFKA_TLS/);
    });

    test("because its certificate is not trusted, or ours is missing or none", async () => {
      const untrusted = await refusal({ brokers: kafka.address("TLS"), options: { tls: {} } });
      expect(untrusted).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringMatching(/unable to verify/) });
      const missing = await refusal({ brokers: kafka.address("MTLS"), options: { tls: { ca: kafka.tls.ca } } });
      expect(missing).toMatchObject({
        code: "CONFIG_INVALID",
        remedy: expect.stringMatching(/MILLRACE_KAFKA_TLS_CERT/),
      });
      const noPem = await refusal({ brokers: kafka.address("MTLS"), options: { tls: { ...kafka.tls, cert: "none" } } });
      expect(noPem).toMatchObject({ code: "CONFIG_INVALID", remedy: expect.stringMatching(/MILLRACE_KAFKA_TLS_CERT/) });
    });

    test("because its topics are another installation's, or have another number of partitions, and nothing is made", async () => {
      const prefix = `ours-${randomUUID()}.`;
      const brokers = kafka.address("PLAINTEXT");
      const log = await openTestKafkaLog(brokers, createClient, 2, prefix);
      await log.close(AbortSignal.timeout(5000));
      const before = await topicsOf(brokers, prefix);
      const other = await refusal({ brokers, prefix, options: { installation: "another" } });
      expect(other).toMatchObject({ code: "CONFIG_INVALID", remedy: expect.stringMatching(/MILLRACE_KAFKA_PREFIX/) });
      expect(other.message).toMatch(/belong to another installation \(test, this one is another\)/);
      const more = await refusal({ brokers, prefix, partitions: 3 });
      expect(more).toMatchObject({ code: "CONFIG_INVALID", remedy: expect.stringMatching(/MILLRACE_PARTITIONS=2/) });
      expect(await topicsOf(brokers, prefix)).toEqual(before);
    });

    test("because topics are missing and may not be made, or have more copies than there are brokers, and none is made", async () => {
      const prefix = `ours-${randomUUID()}.`;
      const brokers = kafka.address("PLAINTEXT");
      const journals = new Map([
        ["stage:main", 2],
        ["sink:notify", 1],
      ]);
      const topics = { replication: 1, create: false };
      const forbidden = await refusal({ brokers, prefix, options: { topics, journals } });
      expect(forbidden).toMatchObject({
        code: "CONFIG_INVALID",
        remedy: expect.stringMatching(/MILLRACE_KAFKA_CREATE_TOPICS/),
      });
      expect(forbidden.message).toContain(`${prefix}telemetry (2 partitions)`);
      expect(forbidden.message).toContain(`${prefix}journal.stage.main (2 partitions)`);
      expect(forbidden.message).toContain(`${prefix}journal.sink.notify (1 partition)`);
      expect(forbidden.message).toContain(`${prefix}installation (1 partition)`);
      const copies = await refusal({ brokers, prefix, options: { topics: { replication: 3, create: true } } });
      expect(copies).toMatchObject({
        code: "CONFIG_INVALID",
        remedy: expect.stringMatching(/MILLRACE_KAFKA_REPLICATION/),
      });
      expect(await topicsOf(brokers, prefix)).toEqual([]);
    });

    test("because the journal of one consumer is missing and may not be made", async () => {
      const prefix = `ours-${randomUUID()}.`;
      const brokers = kafka.address("PLAINTEXT");
      const log = await openTestKafkaLog(brokers, createClient, 2, prefix, { journals: new Map([["stage:main", 2]]) });
      await log.close(AbortSignal.timeout(5000));
      const journals = new Map([
        ["stage:main", 2],
        ["sink:notify", 1],
      ]);
      const missing = await refusal({
        brokers,
        prefix,
        options: { topics: { replication: 1, create: false }, journals },
      });
      expect(missing.message).toMatch(/forbidden: \S+journal\.sink\.notify \(1 partition\)$/);
    });

    async function topicsOf(brokers: readonly BrokerAddress[], prefix: string): Promise<string[]> {
      const client = createClient({
        clientId: "look",
        tls: null,
        sasl: null,
        connectTimeoutMs: 5000,
        requestTimeoutMs: 5000,
      });
      const cluster = new KafkaCluster({ client, bootstrap: brokers });
      try {
        return (await cluster.topicsWith(prefix)).toSorted();
      } finally {
        cluster.close();
      }
    }
  });
});
