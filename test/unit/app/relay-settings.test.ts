import { describe, expect, it } from "vitest";
import { readRelaySettings, relayReference } from "../../../app/relay-settings.ts";

const FROM = "kafka://a.example:9092/edges";
const TO = "mqtts://cloud.example:8883";
const TOKEN = { MILLRACE_RELAY_TOKEN: "mr_secret" };

describe("the settings of a relay", () => {
  it("are flags, or variables where there is no flag", () => {
    const settings = readRelaySettings(
      { from: FROM, group: "mine" },
      { ...TOKEN, MILLRACE_RELAY_TO: TO, MILLRACE_RELAY_GROUP: "theirs" },
    );
    expect(settings).toMatchObject({ from: FROM, to: TO, group: "mine", probeHost: "127.0.0.1" });
    expect(settings.address).toMatchObject({ topic: "edges", tls: false });
    expect(readRelaySettings({ from: FROM, to: TO }, TOKEN).group).toBe("millrace-relay");
  });

  it.each([
    [{ to: TO }, TOKEN, /nothing says which topic is relayed/],
    [{ from: FROM }, TOKEN, /nothing says where to/],
    [{ from: "kafka://a.example/edges", to: TO }, TOKEN, /names no topic of a Kafka/],
    [{ from: FROM, to: "kafka://b.example:9092/edges" }, TOKEN, /is no value for to: it is a URL of the form/],
    [{ from: FROM, to: TO }, {}, /without a token of the installation upstream/],
    [{ from: FROM, to: TO, tokenFile: "f" }, TOKEN, /there are two tokens/],
    [{ from: FROM, to: TO, user: "me" }, TOKEN, /nothing says how to sign in/],
    [{ from: FROM, to: TO, sasl: "PLAIN", user: "me" }, TOKEN, /PLAIN needs a user and a password/],
    [{ from: FROM, to: TO, sasl: "OAUTHBEARER", user: "me", passwordFile: "f" }, TOKEN, /needs a token and no user/],
    [{ from: FROM, to: TO, sasl: "GSSAPI" }, TOKEN, /"GSSAPI" is no value for sasl/],
    [{ from: FROM, to: TO, group: "a b" }, TOKEN, /"a b" is no value for group/],
    [{ from: FROM, to: TO, probePort: "70000" }, TOKEN, /is no value for probe-port/],
  ])("%j with %j: refused", (flags, environment, text) => {
    expect(() => readRelaySettings(flags, environment)).toThrow(text);
  });

  it("never show a secret", () => {
    const secret = /^(?!.*mr_other).*has a user or a password in it/;
    expect(() => readRelaySettings({ from: "kafka://me:mr_other@a.example:9092/t", to: TO }, TOKEN)).toThrow(secret);
    expect(() => readRelaySettings({ from: FROM, to: "mqtts://me:mr_other@b.example" }, TOKEN)).toThrow(secret);
    const flags = relayReference().map(({ name }) => name);
    expect(flags).not.toContain("`--token`");
    expect(flags).not.toContain("`--password`");
    expect(flags).toContain("`--skip-bad`");
  });
});
