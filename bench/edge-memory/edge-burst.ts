import { setTimeout as delay } from "node:timers/promises";
import { connectAsync, type MqttClient } from "mqtt";
import { addGateway } from "../../test/forward-cuts/forward-pair.ts";
import { watchAsBrowser } from "../browser-watch.ts";
import type { Side } from "../../test/forward-cuts/forward-pair.ts";

export interface BurstOptions {
  readonly devices: number;
  readonly metrics: number;
  readonly messagesPerSecond: number;
  readonly seconds: number;
}

export interface Burst {
  readonly messages: number;
  /** Until the last one was acknowledged. */
  readonly seconds: number;
}

/** One credential has no more connections to a gateway (connectionsPerDeviceMax). */
const CONNECTIONS = 10;
const TURN_MS = 50;
/** Of a connection, as a gateway with little memory would have it. */
const UNACKNOWLEDGED = 400;

/**
 * Messages of many values from many devices by MQTT with QoS 1, while a dashboard shows all of them and somebody asks for pages. Resolves when all
 * are acknowledged; what the edge does not take in time waits at the sender.
 */
export async function runBurst(edge: Side, options: BurstOptions): Promise<Burst> {
  const token = await addGateway(edge.data, "burst-box");
  const { instance } = edge;
  if (instance === null) throw new Error("the edge has ended");
  const headers = { authorization: `Bearer ${instance.ready.adminToken}` };
  const browser = await watchAsBrowser(instance.httpUrl, headers, "burst-0");
  const ending = new AbortController();
  const reading = readPages(edge, ending.signal);
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, index) =>
      connectAsync(`mqtt://127.0.0.1:${edge.mqttPort}`, {
        clientId: `burst-${index}`,
        username: "box",
        password: token,
      }),
    ),
  );
  try {
    const begun = performance.now();
    const sent = await Promise.all(clients.map((client, index) => sendShare(client, index, options)));
    const messages = sent.reduce((sum, count) => sum + count, 0);
    return { messages, seconds: (performance.now() - begun) / 1000 };
  } finally {
    ending.abort();
    await reading;
    browser.close();
    await Promise.all(clients.map((client) => client.endAsync(true)));
  }
}

async function sendShare(client: MqttClient, index: number, options: BurstOptions): Promise<number> {
  const { devices, metrics, messagesPerSecond, seconds } = options;
  const total = Math.round((messagesPerSecond * seconds) / CONNECTIONS);
  const begun = performance.now();
  const waiting = new Set<Promise<unknown>>();
  for (let n = 0; n < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - begun) / 1000 / seconds) * total));
    for (; n < due && waiting.size < UNACKNOWLEDGED; n += 1) {
      const device = `burst-${(n * CONNECTIONS + index) % devices}`;
      const values = Array.from({ length: metrics }, (_, metric) => [`metric-${metric}`, Math.random() * 100]);
      const payload = JSON.stringify(Object.fromEntries(values));
      const sending = client.publishAsync(`millrace/default/${device}/telemetry`, payload, { qos: 1 });
      waiting.add(sending);
      void sending.finally(() => waiting.delete(sending));
    }
    await delay(TURN_MS);
  }
  await Promise.all(waiting);
  return total;
}

/** What a person asks for that looks: devices, the overview, and why a reading is what it is, which reads the log. */
async function readPages({ api }: Side, signal: AbortSignal): Promise<void> {
  const paths = ["/devices?limit=100", "/overview", "/devices/burst-0", "/slow-devices", "/audit"];
  while (!signal.aborted) {
    for (const path of paths) await api.get(path).catch(() => null);
    await delay(1000);
  }
}
