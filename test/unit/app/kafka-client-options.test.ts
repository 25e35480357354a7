import { hostname } from "node:os";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readConfig } from "../../../app/config.ts";
import { brokerAddresses, createKafkaClient, kafkaClientOptions } from "../../../app/kafka-client-options.ts";
import { temporaryDirectory } from "../../support/instance.ts";
import type { KafkaClientOptions } from "../../../log/kafka/kafka-client.ts";

const directory = temporaryDirectory();
afterAll(() => directory.dispose());

function file(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

function optionsOf(environment: Readonly<Record<string, string>>): KafkaClientOptions {
  return kafkaClientOptions(readConfig({}, {}, environment));
}

describe("brokers", () => {
  test("are hosts with ports, one after the other", () => {
    expect(brokerAddresses("a.example:9092,10.0.0.1:19092")).toEqual([
      { host: "a.example", port: 9092 },
      { host: "10.0.0.1", port: 19_092 },
    ]);
  });

  test.each(["a.example", "a:b", "a:1,", "a:1 b:2"])("that are written as %j are refused with the form", (text) => {
    expect(() => readConfig({}, {}, { MILLRACE_KAFKA_BROKERS: text })).toThrow(/host:port,host:port/);
  });
});

describe("options of the client library", () => {
  test("without settings are a plain connection", () => {
    expect(optionsOf({})).toMatchObject({
      clientId: `millrace all ${hostname()} ${process.pid}`,
      tls: null,
      sasl: null,
    });
  });

  test("carry the files for TLS, which is off without its switch", () => {
    const ca = file("ca.pem", "CA");
    expect(optionsOf({ MILLRACE_KAFKA_TLS_CA: ca }).tls).toBeNull();
    expect(optionsOf({ MILLRACE_KAFKA_TLS: "1" }).tls).toEqual({});
    const cert = file("cert.pem", "CERT");
    const key = file("key.pem", "KEY");
    const tls = { MILLRACE_KAFKA_TLS: "1", MILLRACE_KAFKA_TLS_CA: ca };
    expect(optionsOf({ ...tls, MILLRACE_KAFKA_TLS_CERT: cert, MILLRACE_KAFKA_TLS_KEY: key }).tls).toEqual({
      ca: "CA",
      cert: "CERT",
      key: "KEY",
    });
  });

  test("with a certificate but no key, or a file that is not there, are refused with what to set", () => {
    const cert = file("cert.pem", "CERT");
    const failure = {
      code: "CONFIG_INVALID",
      remedy: expect.stringMatching(/MILLRACE_KAFKA_TLS_CERT.*MILLRACE_KAFKA_TLS_KEY/),
    };
    expect(() => optionsOf({ MILLRACE_KAFKA_TLS: "1", MILLRACE_KAFKA_TLS_CERT: cert })).toThrow(
      expect.objectContaining(failure),
    );
    const missing = { MILLRACE_KAFKA_TLS: "1", MILLRACE_KAFKA_TLS_CA: join(directory.path, "none.pem") };
    expect(() => optionsOf(missing)).toThrow(/cannot be read: ENOENT.*none\.pem/);
  });

  test.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])("for %s need user and password", (mechanism) => {
    const user = { MILLRACE_KAFKA_SASL: mechanism, MILLRACE_KAFKA_USER: "u" };
    expect(optionsOf({ ...user, MILLRACE_KAFKA_PASSWORD: "p" }).sasl).toEqual({
      mechanism,
      username: "u",
      password: "p",
    });
    expect(() => optionsOf(user)).toThrow(/needs MILLRACE_KAFKA_PASSWORD/);
    expect(() => optionsOf({ MILLRACE_KAFKA_SASL: mechanism })).toThrow(/needs MILLRACE_KAFKA_USER/);
  });

  test("for OAUTHBEARER read the token anew for every connection", async () => {
    const path = file("token", "one\n");
    const { sasl } = optionsOf({ MILLRACE_KAFKA_SASL: "OAUTHBEARER", MILLRACE_KAFKA_TOKEN_FILE: path });
    if (sasl?.mechanism !== "OAUTHBEARER") throw new Error("no token");
    expect(await sasl.token()).toBe("one");
    writeFileSync(path, "two");
    expect(await sasl.token()).toBe("two");
    rmSync(path);
    await expect(sasl.token()).rejects.toThrow("ENOENT");
    expect(() => optionsOf({ MILLRACE_KAFKA_SASL: "OAUTHBEARER" })).toThrow(/needs MILLRACE_KAFKA_TOKEN_FILE/);
  });

  test("go to the library that is configured", async () => {
    for (const name of ["platformatic", "kafkajs"]) {
      const client = await createKafkaClient(readConfig({}, {}, { MILLRACE_KAFKA_CLIENT: name }));
      expect(client.connect).toBeTypeOf("function");
    }
    expect(() => readConfig({}, {}, { MILLRACE_KAFKA_CLIENT: "librdkafka" })).toThrow(/platformatic or kafkajs/);
  });
});
