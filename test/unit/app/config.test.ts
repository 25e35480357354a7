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

  it("refuses TLS of which a part is missing", () => {
    expect(() => readConfig({ tlsCert: "cert.pem" }, {}, {})).toThrow(/a certificate and its key belong together/);
    expect(() => readConfig({ tlsClientCa: "ca.pem" }, {}, {})).toThrow(/certificates of clients need TLS/);
    const required = { tlsCert: "cert.pem", tlsKey: "key.pem", tlsClientCertRequired: true };
    expect(() => readConfig(required, {}, {})).toThrow(/nobody says whose certificates are required/);
  });
});
