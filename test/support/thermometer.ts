import { connect } from "mqtt";

/** A real MQTT device that says its temperature five times a second until told otherwise. It reconnects on its own. */
export interface Thermometer {
  set(temperature: number): void;
  /** Sends one payload as it is, and waits until it is acknowledged; it does not count. */
  publish(payload: string): Promise<void>;
  /** Event time of the newest message that was acknowledged. */
  lastTs(): number;
  /** How many were acknowledged. */
  acknowledged(): number;
  stop(): Promise<void>;
}

const EVERY_MS = 200;

export function startThermometer(url: string, device: string, token: string): Thermometer {
  const client = connect(url, { username: device, password: token, protocolVersion: 4, reconnectPeriod: 200 });
  let temperature = 20;
  let lastTs = 0;
  let acknowledged = 0;
  let step = 0;
  // While the instance is away the client reports each failed attempt; the next one may succeed.
  client.on("error", () => undefined);
  const timer = setInterval(() => {
    if (!client.connected) return;
    const ts = Date.now();
    step += 1;
    const values = { temperature: temperature + (step % 10) / 10 };
    client.publish("v1/devices/me/telemetry", JSON.stringify({ ts, values }), { qos: 1 }, (error) => {
      if (error) return;
      acknowledged += 1;
      lastTs = Math.max(lastTs, ts);
    });
  }, EVERY_MS);
  return {
    set: (next) => (temperature = next),
    async publish(payload) {
      await client.publishAsync("v1/devices/me/telemetry", payload, { qos: 1 });
    },
    lastTs: () => lastTs,
    acknowledged: () => acknowledged,
    async stop() {
      clearInterval(timer);
      await client.endAsync(true);
    },
  };
}
