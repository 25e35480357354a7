import { setTimeout as delay } from "node:timers/promises";
import { connect } from "mqtt";

/** How a device sends: over HTTP with a time of its own, over HTTP without one under an Idempotency-Key, or by MQTT without one. */
export const WAYS = ["http-timed", "http-keyed", "mqtt"] as const;
export type Way = (typeof WAYS)[number];

export interface LoadOptions {
  /** The edge's ports and the token of a gateway that may create devices. */
  readonly mqttPort: number;
  readonly ingestPort: number;
  readonly boxToken: string;
  readonly devices: number;
  /** Of each device; it stops there, or when `signal` aborts. */
  readonly messagesPerDevice: number;
  /** Between two messages of a device. */
  readonly paceMs: number;
  readonly signal?: AbortSignal;
  /** Told of each message that was acknowledged, how long that took. */
  readonly onAcknowledged?: (way: Way, ms: number) => void;
}

/** One credential has no more connections to a gateway (connectionsPerDeviceMax). */
const MQTT_DEVICES = 10;
const RETRY_MS = 50;
const HTTP_TIMEOUT_MS = 20_000;

/** Devices that send until each message is acknowledged, whatever breaks off. Resolves with how many each has sent. */
export async function runEdgeLoad(options: LoadOptions): Promise<ReadonlyMap<string, number>> {
  const sent = new Map<string, number>();
  await Promise.all(
    Array.from({ length: options.devices }, async (_, index) => {
      const device = `device-${index}`;
      const way = index < WAYS.length * MQTT_DEVICES ? WAYS[index % WAYS.length] : "http-keyed";
      sent.set(device, await runDevice(device, way ?? "http-keyed", options));
    }),
  );
  return sent;
}

async function runDevice(device: string, way: Way, options: LoadOptions): Promise<number> {
  const { messagesPerDevice, paceMs, signal, onAcknowledged } = options;
  const sender = way === "mqtt" ? mqttSender(device, options) : httpSender(device, way, options);
  let n = 0;
  try {
    for (; n < messagesPerDevice && signal?.aborted !== true; n += 1) {
      const begun = performance.now();
      await sender.send(n);
      onAcknowledged?.(way, performance.now() - begun);
      await delay(paceMs);
    }
  } finally {
    await sender.close();
  }
  return n;
}

interface Sender {
  send(n: number): Promise<void>;
  close(): Promise<void>;
}

function httpSender(device: string, way: Way, { ingestPort, boxToken }: LoadOptions): Sender {
  const begun = Date.now();
  const url = `http://127.0.0.1:${ingestPort}/v1/telemetry?device=${device}`;
  return {
    async send(n) {
      const body = JSON.stringify(way === "http-timed" ? { ts: begun + n, values: { n } } : { n });
      const headers = {
        authorization: `Bearer ${boxToken}`,
        "content-type": "application/json",
        ...(way === "http-keyed" ? { "idempotency-key": `${device}-${n}` } : {}),
      };
      for (;;) {
        const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
        const response = await fetch(url, { method: "POST", headers, body, signal }).catch(() => null);
        if (response?.ok === true) return;
        await delay(RETRY_MS);
      }
    },
    close: () => Promise.resolve(),
  };
}

/** The package sends again with DUP what was not acknowledged. */
function mqttSender(device: string, { mqttPort, boxToken }: LoadOptions): Sender {
  const client = connect(`mqtt://127.0.0.1:${mqttPort}`, {
    clientId: `box-${device}`,
    username: "box",
    password: boxToken,
    protocolVersion: 4,
    reconnectPeriod: RETRY_MS,
  });
  client.on("error", () => undefined);
  return {
    async send(n) {
      await client.publishAsync(`millrace/default/${device}/telemetry`, JSON.stringify({ n }), { qos: 1 });
    },
    close: () => client.endAsync(true),
  };
}
