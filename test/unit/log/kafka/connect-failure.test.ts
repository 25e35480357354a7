import { describe, expect, test } from "vitest";
import { connectFailure, requestFailure } from "../../../../log/kafka/connect-failure.ts";
import type { KafkaClientOptions } from "../../../../log/kafka/kafka-client.ts";

type Security = Pick<KafkaClientOptions, "sasl" | "tls">;

const PLAIN: Security = { sasl: { mechanism: "PLAIN", username: "u", password: "p" }, tls: null };
const NONE: Security = { sasl: null, tls: null };

function failure(error: unknown, security: Security = NONE, host = "broker") {
  const { code, message, remedy } = connectFailure({ host, port: 9092 }, error, security);
  return { code, message, remedy };
}

/** As the libraries wrap them: each the cause of the one before. */
function chain(...links: readonly (readonly [text: string, marks: object])[]): Error {
  const [first, ...rest] = links;
  if (first === undefined) throw new Error("no link");
  const [text, marks] = first;
  return Object.assign(new Error(text, rest.length === 0 ? {} : { cause: chain(...rest) }), marks);
}

describe("a connection that cannot be made", () => {
  test("is LOG_LOST when nobody answers, whatever the host is called and however we would sign in", () => {
    const host = "sasl-ssl.tls.example";
    const error = chain(
      ["failed", { code: "PLT_KFK_NETWORK" }],
      [`getaddrinfo ENOTFOUND ${host}`, { code: "ENOTFOUND" }],
    );
    expect(failure(error, { ...PLAIN, tls: {} }, host)).toMatchObject({
      code: "LOG_LOST",
      message: `the Kafka broker ${host}:9092 cannot be reached: getaddrinfo ENOTFOUND ${host}`,
    });
  });

  test("is CONFIG_INVALID when the broker says that the credentials are wrong", () => {
    const platformatic = new AggregateError([chain(["denied", { apiId: "SASL_AUTHENTICATION_FAILED" }])], "response");
    expect(failure(platformatic, PLAIN).message).toBe("the Kafka broker broker:9092 refuses the PLAIN credentials");
    const kafkajs = chain([
      "SASL PLAIN authentication failed: Invalid username",
      { name: "KafkaJSSASLAuthenticationError" },
    ]);
    expect(failure(kafkajs, PLAIN).code).toBe("CONFIG_INVALID");
  });

  test("is LOG_LOST when the broker falls silent or goes while we sign in: another attempt may succeed", () => {
    const silent = chain(
      ["Cannot find a suitable SASL mechanism.", { code: "PLT_KFK_AUTHENTICATION" }],
      ["Connection closed", {}],
    );
    expect(failure(silent, PLAIN).code).toBe("LOG_LOST");
    for (const text of [
      "Request SaslAuthenticate(key: 36, version: 1) timed out",
      "Closed connection",
      "Not connected",
    ]) {
      const error = chain([`SASL PLAIN authentication failed: ${text}`, { name: "KafkaJSSASLAuthenticationError" }]);
      expect(failure(error, PLAIN).code).toBe("LOG_LOST");
    }
  });

  test("says which of the two does not speak TLS", () => {
    const wanted = failure(new Error("Broker requires TLS."));
    expect(wanted).toMatchObject({ code: "CONFIG_INVALID", remedy: "The broker wants TLS: set MILLRACE_KAFKA_TLS=1." });
    const unwanted = failure(chain(["disconnected before secure TLS connection was established", {}]), {
      sasl: null,
      tls: {},
    });
    expect(unwanted).toMatchObject({
      code: "CONFIG_INVALID",
      remedy: expect.stringMatching(/that the port speaks TLS/),
    });
  });

  test("is told in one line, without the places in the libraries' sources", () => {
    const openssl =
      "407D622F997F0000:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../rec.c:918:SSL alert 42\n";
    expect(failure(new Error(`Connection error: ${openssl}`), { sasl: null, tls: {} }).message).toBe(
      "no TLS connection to the Kafka broker broker:9092: ssl/tls alert bad certificate",
    );
  });

  test("and a request that is not answered is LOG_IO", () => {
    const error = chain(["Connection error", {}], ["read ECONNRESET.", { code: "ECONNRESET" }]);
    expect(requestFailure({ host: "h", port: 1 }, error)).toMatchObject({
      code: "LOG_IO",
      message: "the Kafka broker h:1 did not answer: read ECONNRESET",
    });
  });
});
