import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { connect, connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTlsContext } from "../../broker/tls-context.ts";
import { type Logger, silentLogger } from "../../core/logger.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { type Authority, createAuthority, noCertificates } from "../support/certificates.ts";
import { saidRefusals } from "../support/said-refusals.ts";
import { temporaryDirectory } from "../support/instance.ts";

interface TlsEdge extends AsyncDisposable {
  readonly edge: BrokerHarness;
  readonly tlsPort: number;
  /** What was logged of certificates. */
  readonly lines: readonly string[];
  /** Replaces the server's certificate, or its key. */
  write(files: { readonly cert?: string; readonly key?: string }): void;
}

describe.skipIf(noCertificates !== null)(`TLS (needs ${noCertificates ?? "openssl"})`, () => {
  let authority: Authority;
  let clients: Authority;
  /** Devices that may connect, by certificate. */
  const devices = new Set<string>();

  beforeAll(() => {
    authority = createAuthority("test authority");
    clients = createAuthority("authority of devices");
  });
  afterAll(() => {
    authority.dispose();
    clients.dispose();
  });

  async function startTls(
    options: { mutual?: boolean; required?: boolean; limits?: object; logger?: Logger } = {},
  ): Promise<TlsEdge> {
    const directory = temporaryDirectory();
    const paths = { cert: join(directory.path, "cert.pem"), key: join(directory.path, "key.pem") };
    const write = ({ cert, key }: { readonly cert?: string; readonly key?: string }): void => {
      if (cert !== undefined) writeFileSync(paths.cert, cert);
      if (key !== undefined) writeFileSync(paths.key, key);
    };
    write(authority.issue("first"));
    const clientCa = options.mutual === true ? clients.certPath : undefined;
    const files = { ...paths, clientCa, clientCertRequired: options.required === true };
    const lines: string[] = [];
    const keep = (_fields: object, text: string): void => void lines.push(text);
    const context = await openTlsContext(files, { ...silentLogger, info: keep, error: keep }, 20);
    for (const key of ["acme/a", "other/a"]) devices.add(key);
    const findDevice = (key: string) => {
      const [tenant = "", id = ""] = key.split("/");
      return Promise.resolve(devices.has(key) ? ({ kind: "device", tenant, id } as const) : null);
    };
    const listen = { host: "127.0.0.1", port: 0 };
    const tls = { context, listen, tenant: "acme", findDevice };
    const edge = await startBroker({ tls, limits: options.limits ?? {}, logger: options.logger ?? silentLogger });
    return {
      edge,
      tlsPort: edge.broker.address.tlsPort ?? 0,
      lines,
      write,
      async [Symbol.asyncDispose]() {
        await edge[Symbol.asyncDispose]();
        directory.dispose();
      },
    };
  }

  function mqtts({ tlsPort }: TlsEdge, options: IClientOptions = {}): Promise<MqttClient> {
    const shared = { ca: authority.cert, reconnectPeriod: 0, clientId: "pump-7" };
    return connectAsync(`mqtts://127.0.0.1:${tlsPort}`, { ...shared, ...options });
  }

  function shownName(port: number, options = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: "127.0.0.1", ca: authority.cert, ...options }, () => {
        const { subject }: PeerCertificate = socket.getPeerCertificate();
        resolve(String(subject.CN));
        socket.destroy();
      });
      socket.on("error", reject);
    });
  }

  function posted({ edge }: TlsEdge, options: object): Promise<number> {
    return new Promise((resolve, reject) => {
      const where = { host: "127.0.0.1", port: edge.ingestPort, path: "/v1/telemetry", method: "POST" };
      const sent = request({ ...where, ca: authority.cert, agent: false, ...options }, (response) =>
        resolve(response.resume().statusCode ?? 0),
      );
      sent.on("error", reject);
      sent.end("{}");
    });
  }

  const token = { username: "a", password: "token-a" };
  const bearer = { headers: { authorization: "Bearer token-a" } };

  test("carries MQTT, MQTT over WebSocket and HTTP as they are without it", async () => {
    await using tls = await startTls();
    const client = await mqtts(tls, token);
    await client.publishAsync(TOPIC_A, "over TLS", { qos: 1 });
    await client.endAsync();
    const url = `wss://127.0.0.1:${tls.edge.ingestPort}/mqtt`;
    const web = await connectAsync(url, { ...token, ca: authority.cert, reconnectPeriod: 0 } as IClientOptions);
    await web.publishAsync(TOPIC_A, "over wss", { qos: 1 });
    await web.endAsync();
    expect(await posted(tls, bearer)).toBe(204);
    expect(tls.edge.log.records.map(({ value }) => Buffer.from(value).toString())).toEqual([
      "over TLS",
      "over wss",
      "{}",
    ]);
    const plain = await tls.edge.client("a");
    await plain.publishAsync(TOPIC_A, "still without", { qos: 1 });
  });

  test("is 1.2 or newer", async () => {
    await using tls = await startTls();
    expect(await shownName(tls.tlsPort, { maxVersion: "TLSv1.2" })).toBe("first");
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" };
    await expect(shownName(tls.tlsPort, old)).rejects.toThrow();
    await eventually(() => tls.edge.refused("tls-handshake") === 1, "it is counted");
  });

  test("shows a new certificate as soon as it is there, to connections that begin then", async () => {
    await using tls = await startTls();
    const client = await mqtts(tls, token);
    tls.write(authority.issue("second"));
    await eventually(() => tls.lines.includes("a new certificate is used"), "it is noticed");
    expect([await shownName(tls.tlsPort), await shownName(tls.edge.ingestPort)]).toEqual(["second", "second"]);
    await client.publishAsync(TOPIC_A, "on the old one", { qos: 1 });
    await client.endAsync();
  });

  test("keeps the old certificate when the new one is no good, and takes the next good one", async () => {
    await using tls = await startTls();
    tls.write({ cert: "no certificate" });
    await eventually(() => tls.lines.length === 1, "it is refused");
    expect(tls.lines).toEqual(["a new certificate is refused, and the old one stays"]);
    expect(await shownName(tls.tlsPort)).toBe("first");
    const next = authority.issue("second");
    tls.write({ cert: next.cert });
    await eventually(() => tls.lines.length === 2, "a certificate of another key is refused");
    expect(await shownName(tls.tlsPort)).toBe("first");
    tls.write({ key: next.key });
    await eventually(() => tls.lines.length === 3, "it has its key");
    expect(await shownName(tls.tlsPort)).toBe("second");
  });

  test("cannot be served with files that do not belong together", async () => {
    const directory = temporaryDirectory();
    const files = { cert: join(directory.path, "cert"), key: join(directory.path, "key") };
    const rest = { clientCa: undefined, clientCertRequired: false };
    await expect(openTlsContext({ ...files, ...rest }, silentLogger, 1000)).rejects.toThrow(
      /TLS cannot be served: ENOENT/,
    );
    writeFileSync(files.cert, authority.issue("x").cert);
    writeFileSync(files.key, authority.issue("y").key);
    await expect(openTlsContext({ ...files, ...rest }, silentLogger, 1000)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    directory.dispose();
  });

  test("handshakes that are not finished end in time, and make room for those that say who they are", async () => {
    await using tls = await startTls({ limits: { tlsHandshakeTimeoutMs: 200, unauthenticatedConnectionsMax: 3 } });
    const silent = Array.from({ length: 3 }, () => connectTcp(tls.tlsPort, "127.0.0.1"));
    const closed = silent.map(
      (socket) => new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve)),
    );
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    const client = await mqtts(tls, token);
    expect(tls.edge.refused("connections-unauthenticated")).toBe(1);
    await Promise.all(closed);
    expect(tls.edge.refused("tls-handshake")).toBe(2);
    await client.publishAsync(TOPIC_A, "x", { qos: 1 });
  });

  test("an address that connects too often is refused before the handshake, and who is connected stays", async () => {
    await using tls = await startTls({ limits: { connectsPerSecondPerAddressMax: 0.1, connectBurstMs: 20_000 } });
    const client = await mqtts(tls, token);
    const peers = Array.from({ length: 5 }, () => connectTcp(tls.tlsPort, "127.0.0.1"));
    await eventually(() => tls.edge.refused("connects-per-address") === 4, "four are refused");
    expect(tls.edge.refused("tls-handshake")).toBe(0);
    await client.publishAsync(TOPIC_A, "x", { qos: 1 });
    for (const peer of peers) peer.destroy();
  });

  test("handshakes that break off are forgotten, on both ports", async () => {
    await using tls = await startTls({ limits: { tlsHandshakeTimeoutMs: 100, ingestConnectionsMax: 3 } });
    for (const port of [tls.tlsPort, tls.edge.ingestPort]) {
      const peers = ["", "garbage", "", ""].map((sent) => {
        const peer = connectTcp(port, "127.0.0.1", () => sent !== "" && peer.write(sent));
        return peer.on("error", () => undefined);
      });
      peers[2]?.once("connect", () => peers[2]?.resetAndDestroy());
      peers[3]?.once("connect", () => peers[3]?.end());
      await Promise.all(peers.map((peer) => new Promise((resolve) => peer.once("close", resolve))));
    }
    await eventually(() => tls.edge.gauge("millrace_mqtt_connections", { authenticated: "no" }) === 0, "MQTT's");
    await eventually(() => tls.edge.gauge("millrace_http_connections") === 0, "those of HTTP");
    expect(await posted(tls, bearer)).toBe(204);
  });

  describe("with certificates of clients", () => {
    const connected = ({ edge }: TlsEdge): readonly string[] =>
      edge.broker.connectedOf(["acme/a", "acme/b", "other/a"]);

    test("the common name is the device, in MQTT, WebSocket and HTTP, without a token", async () => {
      await using tls = await startTls({ mutual: true });
      const device = clients.issue("a");
      const client = await mqtts(tls, device);
      await client.publishAsync(TOPIC_A, "certified", { qos: 1 });
      expect(connected(tls)).toEqual(["acme/a"]);
      await client.endAsync();
      const url = `wss://127.0.0.1:${tls.edge.ingestPort}/mqtt`;
      const web = await connectAsync(url, { ...device, ca: authority.cert, reconnectPeriod: 0 } as IClientOptions);
      await web.publishAsync(TOPIC_A, "certified", { qos: 1 });
      await web.endAsync();
      expect(await posted(tls, device)).toBe(204);
      expect(tls.edge.log.records.map(({ key }) => key)).toEqual(["acme/a", "acme/a", "acme/a"]);
    });

    test("the common name may hold the tenant", async () => {
      await using tls = await startTls({ mutual: true });
      await mqtts(tls, clients.issue("other/a"));
      expect(connected(tls)).toEqual(["other/a"]);
    });

    test("a device that is not there, or not any more, is refused, and its connections end", async () => {
      await using tls = await startTls({ mutual: true });
      await expect(mqtts(tls, clients.issue("nobody"))).rejects.toThrow(/Not authorized/);
      expect(await posted(tls, clients.issue("nobody"))).toBe(401);
      const device = clients.issue("a");
      const client = await mqtts(tls, device);
      const closed = new Promise((resolve) => client.once("close", () => resolve("closed")));
      devices.delete("acme/a");
      tls.edge.broker.disconnect(["acme/a"]);
      expect(await closed).toBe("closed");
      await expect(mqtts(tls, device)).rejects.toThrow(/Not authorized/);
      expect(tls.edge.refused("certificate-refused")).toBe(2);
      expect(await posted(tls, device)).toBe(401);
    });

    test("a token beside it has to be of the same device", async () => {
      const { logger, said } = saidRefusals();
      await using tls = await startTls({ mutual: true, logger });
      const device = clients.issue("a");
      const another = { username: "b", password: "token-b" };
      await expect(mqtts(tls, { ...device, ...another })).rejects.toThrow(/Not authorized/);
      expect(tls.edge.refused("certificate-of-another")).toBe(1);
      expect(said("certified")).toEqual(["acme/a"]);
      await expect(mqtts(tls, { ...device, username: "token-b" })).rejects.toThrow(/Not authorized/);
      expect(await posted(tls, { ...device, headers: { authorization: "Bearer token-b" } })).toBe(401);
      expect(await posted(tls, { ...device, ...bearer })).toBe(204);
      await mqtts(tls, { ...device, ...token });
      await mqtts(tls, { ...device, username: "a", clientId: "pump-8" });
      expect(connected(tls)).toEqual(["acme/a"]);
    });

    test("without one, or with one of another authority, a token says who it is", async () => {
      const { logger, said } = saidRefusals();
      await using tls = await startTls({ mutual: true, logger });
      await expect(mqtts(tls)).rejects.toThrow(/Not authorized/);
      await expect(mqtts(tls, authority.issue("a"))).rejects.toThrow(/Not authorized/);
      await expect(mqtts(tls, clients.issue("no device"))).rejects.toThrow(/Not authorized/);
      expect(tls.edge.refused("credentials-missing")).toBe(3);
      expect(said("uselessCertificate").join()).toMatch(/^,a: SELF_SIGNED_CERT_IN_CHAIN,no device: its common name/);
      await mqtts(tls, token);
      expect(await posted(tls, {})).toBe(401);
      expect(await posted(tls, bearer)).toBe(204);
    });

    test("where it is required nobody gets in without it", async () => {
      const { logger, said } = saidRefusals();
      await using tls = await startTls({ mutual: true, required: true, logger });
      // With TLS 1.3 a client hears of it only after its own part of the handshake.
      for (const given of [token, { ...token, ...authority.issue("a") }]) {
        const client = connect(`mqtts://127.0.0.1:${tls.tlsPort}`, {
          ca: authority.cert,
          reconnectPeriod: 0,
          ...given,
        });
        client.on("error", () => undefined);
        await new Promise<void>((resolve) => client.once("close", () => resolve()));
      }
      await eventually(() => tls.edge.refused("tls-handshake") === 2, "both are counted");
      expect(said("cause").join("; ")).toMatch(/peer did not return a certificate; the client broke off, or/);
      await expect(posted(tls, bearer)).rejects.toThrow();
      await mqtts(tls, clients.issue("a"));
      expect(connected(tls)).toEqual(["acme/a"]);
    });
  });
});
