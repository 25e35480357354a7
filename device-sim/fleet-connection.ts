import { connect, type MqttClient } from "mqtt";
import { LIMITS } from "../core/limits.ts";
import { type DeviceTokens, TELEMETRY_TOPIC, tokenFor } from "./credentials.ts";
import { SIM_PACES } from "./sim-paces.ts";

export interface FleetConnection {
  readonly connected: boolean;
  readonly refused: boolean;
  readonly counts: { readonly sent: number; readonly acknowledged: number; readonly dropped: number };
  publish(payload: Buffer): void;
  /** Resolves once everything sent is acknowledged. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** CONNACK return codes that another try does not change: identifier rejected, bad credentials, not authorized (MQTT 3.1.1 §3.2.2.3). */
const FINAL_RETURN_CODES: readonly unknown[] = [2, 4, 5];

/**
 * One simulated device on the `mqtt` package. Resolves when the broker has answered, or after the connect time-out: the package goes
 * on trying on its own then.
 */
export async function connectDevice(
  url: string,
  deviceId: string,
  tokens: DeviceTokens,
  signal: AbortSignal,
): Promise<FleetConnection> {
  const password = await tokenFor(tokens, deviceId);
  const client = connect(url, {
    clientId: deviceId,
    username: deviceId,
    password,
    protocolVersion: 4,
    clean: true,
    keepalive: SIM_PACES.keepAliveSeconds,
    connectTimeout: SIM_PACES.connectTimeoutMs,
    reconnectPeriod: 1000,
    resubscribe: false,
  });
  const connection = createConnection(client);
  await answered(client, signal);
  return connection;
}

function createConnection(client: MqttClient): FleetConnection {
  const counts = { sent: 0, acknowledged: 0, dropped: 0 };
  const waiting: (() => void)[] = [];
  let outstanding = 0;
  let refused = false;
  const release = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  client.on("error", function clientOnError(error) {
    // All others are followed by "close", after which the package connects again.
    if (!("code" in error && FINAL_RETURN_CODES.includes(error.code))) return;
    refused = true;
    client.end(true);
    release();
  });
  return {
    counts,
    get connected() {
      return client.connected;
    },
    get refused() {
      return refused;
    },
    publish(payload) {
      if (refused || outstanding >= LIMITS.simulatedUnacknowledgedMax) {
        counts.dropped++;
        return;
      }
      counts.sent++;
      outstanding++;
      client.publish(TELEMETRY_TOPIC, payload, { qos: 1 }, (error) => {
        outstanding--;
        if (!error) counts.acknowledged++;
        if (outstanding === 0) release();
      });
    },
    async settled() {
      if (outstanding > 0 && !refused) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    async close() {
      await client.endAsync(true);
    },
  };
}

async function answered(client: MqttClient, signal: AbortSignal): Promise<void> {
  const first = Promise.withResolvers<void>();
  const resolve = () => first.resolve();
  const timer = setTimeout(resolve, SIM_PACES.connectTimeoutMs);
  client.once("connect", resolve);
  client.once("error", resolve);
  signal.addEventListener("abort", resolve, { once: true });
  try {
    await first.promise;
  } finally {
    clearTimeout(timer);
    client.off("connect", resolve);
    client.off("error", resolve);
    signal.removeEventListener("abort", resolve);
  }
}
