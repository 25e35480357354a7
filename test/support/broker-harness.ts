import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { type Broker, type BrokerOptions, createBroker } from "../../broker/broker.ts";
import type { Authenticator } from "../../core/authenticator.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMemoryLogIntake, type MemoryLogIntake } from "./memory-log-intake.ts";
import { MemorySessionStore } from "./memory-session-store.ts";
import { CONNACK_ACCEPTED, openRaw, type RawConnect, rawConnect, type RawPeer } from "./raw-mqtt.ts";

export const TOPIC_A = "millrace/acme/a/telemetry";
export const TOPIC_B = "millrace/acme/b/telemetry";

/** Devices `a` and `b` of tenant `acme` with the tokens `token-a` and `token-b`; `token-admin` is an admin's. */
const testAuthenticator: Authenticator = {
  authenticate(token) {
    if (token === "token-admin") return Promise.resolve({ kind: "admin", tenant: "acme", id: "root" });
    const id = /^token-([ab])$/.exec(token)?.[1];
    return Promise.resolve(id === undefined ? null : { kind: "device", tenant: "acme", id });
  },
};

export interface BrokerHarness extends AsyncDisposable {
  readonly broker: Broker;
  readonly log: MemoryLogIntake;
  readonly port: number;
  /** Of HTTP and WebSocket. */
  readonly ingestPort: number;
  readonly seen: Map<string, number>;
  /** How many connections were refused for this reason. */
  refused(reason: string): number;
  /** How many HTTP requests ended so. */
  requests(outcome: string): number;
  /** What a gauge says. */
  gauge(name: string, labels?: Readonly<Record<string, string>>): number;
  /** How many filters were refused for this reason. */
  filtersRefused(reason: string): number;
  /** How many messages were acknowledged and not kept. */
  dropped(): number;
  /** A client of the `mqtt` package that is connected, and does not reconnect. */
  client(device: "a" | "b", options?: IClientOptions): Promise<MqttClient>;
  raw(): Promise<RawPeer>;
  /** A raw peer whose CONNECT has been accepted. */
  rawConnected(options?: RawConnect): Promise<RawPeer>;
}

export async function startBroker(
  options: Partial<Omit<BrokerOptions, "intake">> & { readonly log?: MemoryLogIntake } = {},
): Promise<BrokerHarness> {
  const { log = createMemoryLogIntake(), ...overrides } = options;
  const metrics = createMetrics();
  const seen = new Map<string, number>();
  let now = 1_700_000_000_000;
  const broker = createBroker({
    listen: { host: "127.0.0.1", port: 0 },
    ingest: { host: "127.0.0.1", port: 0 },
    partitionCount: 8,
    intake: log,
    authenticator: testAuthenticator,
    clock: { now: () => now++ },
    gatewayId: "gw",
    epoch: 7,
    logger: silentLogger,
    metrics,
    sessions: new MemorySessionStore({ ...LIMITS, ...options.limits }),
    onSeen: (lastSeen) => lastSeen.forEach((time, key) => seen.set(key, time)),
    ...overrides,
  });
  await broker.start();
  const { port, ingestPort } = broker.address;
  const clients: MqttClient[] = [];
  const peers: RawPeer[] = [];

  async function raw(): Promise<RawPeer> {
    const peer = await openRaw(port);
    peers.push(peer);
    return peer;
  }

  const sumOf = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    metrics
      .snapshot()
      .filter((sample) => sample.name === name && isDeepStrictEqual(sample.labels, labels))
      .reduce((sum, sample) => sum + sample.value, 0);

  return {
    broker,
    log,
    port,
    ingestPort: ingestPort ?? 0,
    seen,
    refused: (reason) => sumOf("millrace_mqtt_refused_total", { reason }),
    filtersRefused: (reason) => sumOf("millrace_mqtt_filters_refused_total", { reason }),
    gauge: sumOf,
    requests: (outcome) => sumOf("millrace_http_requests_total", { outcome }),
    dropped: () => sumOf("millrace_mqtt_dropped_total"),
    async client(device, clientOptions = {}) {
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
        username: device,
        password: `token-${device}`,
        reconnectPeriod: 0,
        ...clientOptions,
      });
      client.on("error", () => client.end(true));
      clients.push(client);
      return client;
    },
    raw,
    async rawConnected(connectOptions) {
      const peer = await raw();
      peer.send(rawConnect(connectOptions));
      await peer.receive((hex) => hex.startsWith(CONNACK_ACCEPTED));
      return peer;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end(true);
      for (const peer of peers) peer.socket.destroy();
      if (broker.notReadyReasons()[0] !== "MQTT is not listening") await broker.stop(AbortSignal.timeout(500));
    },
  };
}

/** Waits until the condition holds; fails after three seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(5);
  }
}
