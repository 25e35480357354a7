import { afterEach, beforeEach, expect, test } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { startHttp, startOldBroker, type FalseBroker } from "../support/false-brokers.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { runToFailure, type FailedStart } from "../support/start-failure.ts";

/** A start whose log is to lie on Kafka, and cannot. No broker is needed for that. */
let directory: ReturnType<typeof temporaryDirectory>;
let server: FalseBroker | null = null;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => {
  server?.close();
  server = null;
  directory.dispose();
});

function start(brokers: string, environment: Readonly<Record<string, string>> = {}): Promise<FailedStart> {
  const flags = ["--no-clickhouse", ...FREE_PORTS];
  return runToFailure({ args: ["start", "--data", directory.path, "--kafka-brokers", brokers, ...flags], environment });
}

/** One line for people, of a sentence that says what is wrong and one that says what to do. */
function expectSentence(failed: FailedStart, what: RegExp, remedy: RegExp): void {
  expect(failed.said).toMatch(what);
  expect(failed.said).toMatch(remedy);
  expect(failed.said).toMatch(/^millrace: [^\n]+[^.\s]\.$/);
  expect(failed.said).not.toMatch(/\.\.|\n|    at /);
  expect(failed).toMatchObject({ stdout: "", leftRunning: false });
}

test.each(["platformatic", "kafkajs"])("brokers at whose port nothing listens, through %s", async (client) => {
  const failed = await start("127.0.0.1:1", { MILLRACE_KAFKA_CLIENT: client });
  expectSentence(
    failed,
    /the Kafka broker 127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/,
    /Check MILLRACE_KAFKA_BROKERS/,
  );
  expect(failed.code).toBe(1);
});

test.each(["platformatic", "kafkajs"])("a port of another kind of server, through %s", async (client) => {
  server = await startHttp();
  const failed = await start(`127.0.0.1:${server.address.port}`, { MILLRACE_KAFKA_CLIENT: client });
  expectSentence(
    failed,
    /the Kafka broker 127\.0\.0\.1:\d+ (did not answer|cannot be reached)/,
    /Check MILLRACE_KAFKA_BROKERS/,
  );
  expect(failed.code).toBe(1);
});

test("brokers that are too old", async () => {
  server = await startOldBroker();
  const failed = await start(`127.0.0.1:${server.address.port}`);
  expectSentence(
    failed,
    /the Kafka brokers take \w+ in versions 0 to 0, but version \d+ is needed/,
    /Use Apache Kafka 4\.0 to 4\.3\.$/,
  );
  expect(failed.code).toBe(2);
});

test("settings that do not go together, before anybody is asked", async () => {
  const failed = await start("127.0.0.1:1", { MILLRACE_KAFKA_SASL: "PLAIN", MILLRACE_KAFKA_USER: "u" });
  expectSentence(failed, /signing in to Kafka with PLAIN needs MILLRACE_KAFKA_PASSWORD/, /Set MILLRACE_KAFKA_PASSWORD/);
  const form = await start("127.0.0.1");
  expectSentence(
    form,
    /is no value for kafka-brokers: it is a list of the form host:port,host:port/,
    /MILLRACE_KAFKA_BROKERS/,
  );
  for (const { code } of [failed, form]) expect(code).toBe(2);
});
