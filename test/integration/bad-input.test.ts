import { randomBytes } from "node:crypto";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { openRaw, packet, rawConnect, rawPublish, CONNACK_ACCEPTED, type RawPeer } from "../support/raw-mqtt.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { RawReading } from "../../core/history.ts";
import type { QuarantinedMessage } from "../../core/rejects.ts";

const NOW = Date.now();
const MINUTE = 60_000;
const json = (value: unknown): string => JSON.stringify(value);
const at = (ts: unknown): string => json({ ts, values: { t: 1 } });
const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
const named = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));

/** A payload, the reasons that its quarantine rows must have, and how many readings' values survive. */
const PAYLOADS: readonly [title: string, payload: string | Uint8Array, reasons: readonly string[], stored: number][] = [
  ["text", "hello", ["bad-json"], 0],
  ["nothing at all", "", ["bad-json"], 0],
  ["half an object", '{"t":', ["bad-json"], 0],
  ["NaN", '{"t":NaN}', ["bad-json"], 0],
  ["two documents", '{"t":1}{"t":2}', ["bad-json"], 0],
  ["a number", "42", ["bad-shape"], 0],
  ["null", "null", ["bad-shape"], 0],
  ["an empty array", "[]", ["bad-shape"], 0],
  ["an empty object", "{}", ["bad-shape"], 0],
  ["no values", json({ ts: NOW, values: {} }), ["bad-shape"], 0],
  ["a time without values", json({ ts: NOW, t: 1 }), ["bad-shape"], 0],
  ["objects 10,000 deep", deep(10_000), ["too-deep"], 0],
  ["arrays 60,000 deep", "[".repeat(60_000), ["too-deep"], 0],
  ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), ["bad-utf8"], 0],
  ["random bytes", randomBytes(2000), ["bad-utf8"], 0],
  ["a surrogate as an escape", String.raw`{"t":"\ud800"}`, ["bad-value"], 0],
  ["NUL in a text", String.raw`{"t":"a\u0000b","u":1}`, [], 2],
  ["__proto__ as a metric", '{"__proto__":1,"t":2}', ["bad-metric-name"], 1],
  ["__proto__ with an object", '{"__proto__":{"polluted":true},"t":2}', ["bad-metric-name"], 1],
  ["__proto__ instead of values", `{"ts":${NOW},"__proto__":{"values":{"t":1}}}`, ["bad-shape"], 0],
  ["names of Object.prototype", '{"constructor":1,"toString":2,"hasOwnProperty":3}', [], 3],
  ["an empty name", '{"":1}', ["bad-metric-name"], 0],
  ["a name of 129 bytes", json({ ["n".repeat(129)]: 1 }), ["bad-metric-name"], 0],
  ["1e400", '{"t":1e400,"u":-1e400,"v":1}', ["not-finite", "not-finite"], 1],
  ["the greatest number", '{"t":1.7976931348623157e308,"u":5e-324,"v":-0}', [], 3],
  ["nested values", '{"t":{"a":1},"u":[1],"v":null,"w":1}', ["bad-value", "bad-value", "bad-value"], 1],
  ["a text of 5 KiB", json({ t: "x".repeat(5 * 1024) }), ["bad-value"], 0],
  ["1970", at(0), ["time-before-2000"], 0],
  ["seconds", at(Math.floor(NOW / 1000)), ["time-before-2000"], 0],
  ["a negative time", at(-1), ["time-before-2000"], 0],
  ["2099", at(Date.UTC(2099, 0, 1)), ["time-in-future"], 0],
  ["a day ahead", at(NOW + 24 * 60 * MINUTE), ["time-in-future"], 0],
  ["a fractional time", at(NOW + 0.5), ["bad-time"], 0],
  ["a time as text", at("2026-01-01T00:00:00Z"), ["bad-time"], 0],
  ["null as time", at(null), ["bad-time"], 0],
  ["1e400 as time", '{"ts":1e400,"values":{"t":1}}', ["bad-time"], 0],
  ["2^60 as time", at(2 ** 60), ["bad-time"], 0],
  ["1,001 readings", json(Array.from({ length: 1001 }, (_, i) => ({ t: i }))), ["too-many-values"], 0],
  ["1,000 readings", json(Array.from({ length: 1000 }, (_, i) => ({ ts: NOW - i, values: { t: i } }))), [], 1000],
  ["201 metrics", json(named(201)), ["too-many-values"], 0],
  ["200 metrics", json(named(200)), [], 200],
  [
    "a good one among bad ones",
    '[{"t":1},5,{},{"ts":0,"values":{"t":1}}]',
    ["bad-shape", "bad-shape", "time-before-2000"],
    1,
  ],
];

const GOOD = 300;
const deviceOf = (index: number): string => `bad-${index}`;
const topicOf = (device: string): string => `millrace/default/${device}/telemetry`;

describe.skipIf(!hasChdb())(`bad input over MQTT ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
  const directory = temporaryDirectory();
  const tokens = new Map<string, string>();
  let instance: Instance;
  let api: InstanceApi;
  let neighbour: MqttClient;
  let sending: Promise<void>;

  const mqttPort = (): number => Number(new URL(instance.ready.mqtt).port);
  const tokenOf = (device: string): string => tokens.get(device) ?? "";
  const greeting = (device: string, token = tokenOf(device)): Buffer =>
    rawConnect({ clientId: device, rest: [device, token] });
  const connectedAs = async (device: string): Promise<RawPeer> => {
    const peer = await openRaw(mqttPort());
    peer.send(greeting(device));
    await peer.receive((hex) => hex === CONNACK_ACCEPTED);
    return peer;
  };
  const refused = async (reason: string): Promise<number> => {
    const text = await (await fetch(`${instance.httpUrl}/metrics`)).text();
    return Number(new RegExp(`^millrace_mqtt_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  };

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
    const ids = [...PAYLOADS.map((_, index) => deviceOf(index)), "neighbour", "attacker", "resender", "fired"];
    for (const id of ids) tokens.set(id, `mr_d_${randomBytes(32).toString("base64url")}`);
    await api.post("/devices/import", { devices: ids.map((id) => ({ id, token: tokenOf(id) })) });
    neighbour = await connectAsync(instance.ready.mqtt, {
      clientId: "neighbour",
      password: tokenOf("neighbour"),
      username: "n",
    });
    sending = sendSteadily(neighbour);
    for (const [index, [, payload]] of PAYLOADS.entries()) {
      const device = deviceOf(index);
      const peer = await connectedAs(device);
      peer.send(rawPublish(topicOf(device), payload, 7));
      await peer.receive((hex) => hex.endsWith("40020007"));
      peer.socket.destroy();
    }
    await settled(api, 60_000);
  }, 180_000);
  afterAll(async () => {
    await neighbour?.endAsync(true);
    await instance?.kill();
    directory.dispose();
  });

  it.each(PAYLOADS.map((row, index) => [row[0], index] as const))(
    "quarantines what is wrong in %s, and only that",
    async (_, index) => {
      const [, , reasons = [], stored = 0] = PAYLOADS[index] ?? [];
      const device = deviceOf(index);
      const query = `device=${device}&limit=1000`;
      const rows = (await api.get<{ items: readonly QuarantinedMessage[] }>(`/quarantine?${query}`)).items;
      expect(rows.map(({ reason }) => reason).toSorted()).toEqual(reasons.toSorted());
      for (const row of rows) {
        expect(row).toMatchObject({ device, tenant: "default", detail: expect.stringMatching(/./) });
        expect(Buffer.byteLength(row.payload)).toBeLessThanOrEqual(LIMITS.quarantinePayloadBytesMax + 3);
      }
      const readings = await api.get<{ items: readonly RawReading[] }>(
        `/devices/${device}/readings?from=0&to=${Date.now() + MINUTE}&limit=1000`,
      );
      expect(readings.items).toHaveLength(stored);
    },
  );

  it.each<[title: string, hello: () => Buffer, reason: string, answer: string]>([
    ["a wrong token", () => greeting("attacker", `mr_d_${"x".repeat(43)}`), "credentials-refused", "20020005"],
    ["an unknown device's token", () => greeting("ghost", "mr_d_ghost"), "credentials-refused", "20020005"],
    ["the admin token", () => greeting("attacker", instance.ready.adminToken ?? ""), "credentials-refused", "20020005"],
    ["no token", () => rawConnect({ flags: 2, rest: [] }), "credentials-missing", "20020005"],
    ["a token of 600 bytes", () => greeting("attacker", "x".repeat(600)), "credentials-malformed", "20020004"],
    ["an HTTP request", () => Buffer.from("GET / HTTP/1.1\r\n\r\n"), "connect-expected", ""],
    ["a PUBLISH first", () => rawPublish(topicOf("attacker"), '{"t":1}'), "connect-expected", ""],
  ])("answers %s with a refusal that is counted", async (_, hello, reason, answer) => {
    const before = await refused(reason);
    const peer = await openRaw(mqttPort());
    peer.send(hello());
    expect(await peer.closed).toBe(answer);
    expect(await refused(reason)).toBe(before + 1);
  });

  it.each<[title: string, bytes: () => Buffer, reason: string]>([
    ["another device's topic", () => rawPublish(topicOf("neighbour"), '{"t":666}'), "publish-topic"],
    ["another tenant's topic", () => rawPublish("millrace/other/attacker/telemetry", '{"t":666}'), "publish-topic"],
    ["a system topic", () => rawPublish("$SYS/x", "1"), "publish-topic"],
    ["a topic with a wildcard", () => rawPublish("millrace/default/+/telemetry", "1"), "topic-wildcard"],
    [
      "a payload over the ceiling",
      () => rawPublish(topicOf("attacker"), Buffer.alloc(LIMITS.payloadBytesMax + 1, 32)),
      "payload-too-large",
    ],
    [
      "a packet over the ceiling",
      () => rawPublish(topicOf("attacker"), Buffer.alloc(LIMITS.packetBytesMax)),
      "packet-too-large",
    ],
    ["a length of five bytes", () => Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), "remaining-length"],
    ["a reserved packet", () => packet(0xf0, []), "packet-type"],
    ["a topic that is no UTF-8", () => rawPublish(Buffer.from([0xc3, 0x28]), "1"), "utf8-invalid"],
    ["a topic longer than its packet", () => packet(0x30, [0xff, 0xff, 0x61]), "packet-length"],
  ])("closes a device that sends %s, and counts it", async (_, bytes, reason) => {
    const before = await refused(reason);
    const peer = await connectedAs("attacker");
    peer.send(bytes());
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(await refused(reason)).toBe(before + 1);
  });

  it("counts a resend with DUP and an exact copy with its time once, and the same values again twice", async () => {
    const before = (await settled(api, 60_000)).ledger.messages;
    const peer = await connectedAs("resender");
    const topic = topicOf("resender");
    const DUP_QOS_1 = 0x0a;
    peer.send(rawPublish(topic, '{"t":1}', 1), rawPublish(topic, '{"t":1}', 1, DUP_QOS_1));
    peer.send(rawPublish(topic, at(NOW), 2), rawPublish(topic, at(NOW), 3));
    peer.send(rawPublish(topic, '{"t":5}', 4), rawPublish(topic, '{"t":5}', 5));
    await peer.receive((hex) => hex.endsWith("40020005"));
    peer.socket.destroy();
    const after = (await settled(api, 60_000)).ledger.messages;
    expect(after.duplicate - before.duplicate).toBe(2);
    const items = (
      await api.get<{ items: readonly RawReading[] }>(`/devices/resender/readings?from=0&to=${Date.now() + MINUTE}`)
    ).items;
    expect(items.map(({ value }) => Number(value)).toSorted((a, b) => a - b)).toEqual([1, 1, 5, 5]);
  });

  it("disconnects a device that is disabled, lets it in no more, and takes it back", async () => {
    const peer = await connectedAs("fired");
    await patch(instance, "fired", { disabled: true });
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(await refused("revoked")).toBe(1);
    const again = await openRaw(mqttPort());
    again.send(greeting("fired"));
    expect(await again.closed).toBe("20020005");
    await patch(instance, "fired", { disabled: false });
    (await connectedAs("fired")).socket.destroy();
  });

  it("shows people what was refused on the command line", async () => {
    const listed = await runMillraceAsync(["query", "quarantine", deviceOf(0), "--data", directory.path]);
    expect(listed).toMatchObject({ code: 0, stderr: "" });
    expect(listed.stdout).toMatch(/bad-0 +bad-json +the payload is not JSON +hello/);
    const letters = await runMillraceAsync(["query", "dead-letters", "--json", "--data", directory.path]);
    expect(JSON.parse(letters.stdout)).toEqual([]);
  });

  it("loses nothing of a neighbour, stays alive, and balances", async () => {
    await sending;
    const audit = await settled(api, 60_000);
    expect(audit).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
    const readings = await api.get<{ items: readonly RawReading[] }>(
      `/devices/neighbour/readings?from=0&to=${Date.now() + MINUTE}&limit=1000`,
    );
    expect(readings.items.map(({ value }) => Number(value)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: GOOD }, (_, index) => index),
    );
    expect((await fetch(`${instance.httpUrl}/readyz`)).status).toBe(200);
    expect(instance.stderr()).not.toMatch(/"level":50/);
    expect((await runMillraceAsync(["audit", "--data", directory.path])).code).toBe(0);
    expect(await instance.stop()).toBe(0);
  });
});

async function sendSteadily(client: MqttClient): Promise<void> {
  for (let n = 0; n < GOOD; n += 1) {
    await client.publishAsync(topicOf("neighbour"), json({ ts: NOW - GOOD + n, values: { n } }), { qos: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function patch(instance: Instance, device: string, body: object): Promise<void> {
  const response = await fetch(`${instance.httpUrl}/api/v1/devices/${device}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${instance.ready.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
}
