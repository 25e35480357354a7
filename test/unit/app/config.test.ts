import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { plainHost, readConfig } from "../../../app/config.ts";

describe("the configuration", () => {
  const quiet = { logLevel: "warn" };

  it("takes a flag before the environment, that before the command's own default, and that before everybody's", () => {
    expect(readConfig({ logLevel: "debug" }, quiet, { MILLRACE_LOG_LEVEL: "error" }).logLevel).toBe("debug");
    expect(readConfig({}, quiet, { MILLRACE_LOG_LEVEL: "error" }).logLevel).toBe("error");
    expect(readConfig({}, quiet, { MILLRACE_LOG_LEVEL: "" }).logLevel).toBe("warn");
    expect(readConfig({}, {}, {}).logLevel).toBe("info");
  });

  it("remembers fewer idempotency keys with a small footprint, unless told how many", () => {
    const small = { footprint: "small" };
    const said = { MILLRACE_LIMIT_IDEMPOTENCY_KEYS_MAX: "7000" };
    expect(readConfig({}, {}, {}).edgeLimits).toEqual({});
    expect(readConfig(small, {}, {}).edgeLimits).toEqual({ idempotencyKeysMax: LIMITS.smallIdempotencyKeysMax });
    expect(readConfig(small, {}, said).edgeLimits).toEqual({ idempotencyKeysMax: 7000 });
  });

  it("names the setting, the value and what is allowed", () => {
    expect(() => readConfig({ logLevel: "loud" }, quiet, {})).toThrow(/"loud" is no value for log-level/);
  });

  it("takes another address than loopback with TLS or where plain text is allowed, and keeps what has no TLS on this machine", () => {
    const tls = { tlsCert: "cert.pem", tlsKey: "key.pem" };
    expect(() => readConfig({ host: "0.0.0.0" }, {}, {})).toThrow(/is not a loopback address, and there is no TLS/);
    expect(plainHost(readConfig({ host: "0.0.0.0", ...tls }, {}, {}))).toBe("127.0.0.1");
    expect(plainHost(readConfig({ host: "0.0.0.0", ...tls, allowPlaintext: true }, {}, {}))).toBe("0.0.0.0");
    expect(plainHost(readConfig({ host: "::1", ...tls }, {}, {}))).toBe("::1");
  });

  it("forwards to an address with one token, which is in no URL and in no message", () => {
    const forwardUrl = "mqtts://cloud.example:8883";
    const environment = { MILLRACE_FORWARD_TOKEN: "mr_secret" };
    expect(readConfig({ forwardUrl }, {}, environment)).toMatchObject({ forwardUrl, forwardWhenFull: "hold" });
    expect(readConfig({ forwardUrl, forwardTokenFile: "token" }, {}, {}).forwardToken).toBeUndefined();
    expect(() => readConfig({ forwardUrl }, {}, {})).toThrow(/without a token of the installation upstream/);
    expect(() => readConfig({ forwardUrl, forwardTokenFile: "token" }, {}, environment)).toThrow(
      /there are two tokens/,
    );
    expect(() => readConfig({}, {}, environment)).toThrow(/nothing says where that is/);
    for (const bad of ["https://cloud.example", "cloud.example:1883"]) {
      expect(() => readConfig({ forwardUrl: bad }, {}, environment)).toThrow(/is no value for forward-url/);
    }
    const withUser = { forwardUrl: "mqtts://me:mr_other@cloud.example" };
    expect(() => readConfig(withUser, {}, environment)).toThrow(/^(?!.*mr_other).*has a user or a password in it/);
    expect(() => readConfig({ forwardUrl, forwardWhenFull: "drop" }, {}, environment)).toThrow(
      /it is hold or drop-oldest/,
    );
  });

  it("forwards into a topic, signed in to or not, and says what does not go together", () => {
    const forwardUrl = "kafkas://a.example:9093,b.example:9093/edges";
    const environment = { MILLRACE_FORWARD_TOKEN: "mr_secret" };
    const scram = { forwardUrl, forwardSasl: "SCRAM-SHA-512" };
    expect(readConfig({ forwardUrl: "kafka://127.0.0.1:9092/edges" }, {}, {}).forwardSasl).toBeUndefined();
    expect(readConfig({ ...scram, forwardUser: "me" }, {}, environment)).toMatchObject({ forwardUser: "me" });
    expect(readConfig({ forwardUrl, forwardSasl: "OAUTHBEARER", forwardTokenFile: "f" }, {}, {}).forwardTokenFile).toBe(
      "f",
    );
    expect(() => readConfig({ forwardUrl }, {}, environment)).toThrow(/nothing says how to sign in/);
    expect(() => readConfig({ forwardUrl, forwardUser: "me" }, {}, {})).toThrow(/nothing says how to sign in/);
    expect(() => readConfig(scram, {}, environment)).toThrow(/SCRAM-SHA-512 needs a user and a password/);
    expect(() => readConfig({ ...scram, forwardUser: "me" }, {}, {})).toThrow(/SCRAM-SHA-512 needs a user and/);
    expect(() => readConfig({ forwardUrl, forwardSasl: "OAUTHBEARER", forwardUser: "me" }, {}, environment)).toThrow(
      /OAUTHBEARER needs a token and no user/,
    );
    expect(() => readConfig({ ...scram, forwardSasl: "GSSAPI" }, {}, environment)).toThrow(/it is PLAIN, SCRAM/);
    for (const bad of ["kafka://a.example/edges", "kafka://a.example:9092", "kafka://a:9092/e/f", "kafka://a:0/e"]) {
      expect(() => readConfig({ forwardUrl: bad }, {}, {})).toThrow(/names no topic of a Kafka/);
    }
    const withUser = { forwardUrl: "kafka://me:mr_other@a.example:9092/edges" };
    expect(() => readConfig(withUser, {}, {})).toThrow(/^(?!.*mr_other).*has a user or a password in it/);
    const mqtt = { forwardUrl: "mqtts://cloud.example:8883", forwardSasl: "PLAIN" };
    expect(() => readConfig(mqtt, {}, environment)).toThrow(/telemetry is forwarded to none/);
  });

  it("refuses TLS of which a part is missing", () => {
    expect(() => readConfig({ tlsCert: "cert.pem" }, {}, {})).toThrow(/a certificate and its key belong together/);
    expect(() => readConfig({ tlsClientCa: "ca.pem" }, {}, {})).toThrow(/certificates of clients need TLS/);
    const required = { tlsCert: "cert.pem", tlsKey: "key.pem", tlsClientCertRequired: true };
    expect(() => readConfig(required, {}, {})).toThrow(/nobody says whose certificates are required/);
  });
});
