import { setTimeout as delay } from "node:timers/promises";
import { DeviceConnection } from "./device-connection.ts";
import { latencyOf } from "./statistics.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import type { BenchDevice } from "./device-connection.ts";
import type { Latency } from "./statistics.ts";

/** What the generator is told, as its first message. It is a process of its own, so that its CPU is not the system's. */
export interface Load {
  readonly port: number;
  readonly devices: readonly BenchDevice[];
  /** Messages under way per connection at most. */
  readonly window: number;
  readonly seconds: number;
  /** Messages per second over all connections; null for as fast as the windows allow. */
  readonly rate: number | null;
}

export interface LoadResult {
  readonly sent: number;
  readonly seconds: number;
  readonly acknowledgement: Latency;
  /** Of the generator's process. */
  readonly cpuSeconds: number;
}

const PACE_MS = 5;

process.once("message", (load: Load) => {
  void run(load).then((result) => process.send?.(result, () => process.disconnect()));
});

async function run(load: Load): Promise<LoadResult> {
  const connections = await Promise.all(load.devices.map((device) => DeviceConnection.open(load.port, device)));
  const begun = performance.now();
  const sent = await (load.rate === null ? flood(connections, load) : pace(connections, load, load.rate));
  while (connections.some(({ unacknowledged }) => unacknowledged > 0)) await delay(1);
  const seconds = (performance.now() - begun) / 1000;
  for (const connection of connections) connection.close();
  const acknowledgement = latencyOf(connections.flatMap(({ latencies }) => latencies));
  return { sent, seconds, acknowledgement, cpuSeconds: cpuSecondsOf(process.cpuUsage()) };
}

/** Keeps every window full; latency counts from the write. */
async function flood(connections: readonly DeviceConnection[], { window, seconds }: Load): Promise<number> {
  let sent = 0;
  let over = false;
  for (const connection of connections) {
    const fill = (): void => {
      const room = over ? 0 : window - connection.unacknowledged;
      if (room === 0) return;
      connection.publish(
        Array.from({ length: room }, () => makePayload(sent++)),
        performance.now(),
      );
    };
    connection.onAcknowledged(fill);
    fill();
  }
  await delay(seconds * 1000);
  over = true;
  return sent;
}

/** An open loop: messages are due at their time whether or not the system keeps up, and latency counts from then. */
async function pace(connections: readonly DeviceConnection[], { seconds }: Load, rate: number): Promise<number> {
  const begun = performance.now();
  let sent = 0;
  while (performance.now() - begun < seconds * 1000) {
    const due = ((performance.now() - begun) / 1000) * rate;
    for (; sent < due; sent += 1) {
      connections[sent % connections.length]?.publish([makePayload(sent)], begun + (sent / rate) * 1000);
    }
    await delay(PACE_MS);
  }
  return sent;
}

/** Exactly six metrics. `number` tells messages apart, so that none is a resend of another; `madeAt` times them. */
function makePayload(number: number): string {
  const now = performance.timeOrigin + performance.now();
  const noise = now % 7;
  const values = {
    temperature: Math.round((20 + noise) * 100) / 100,
    humidity: Math.round((50 + noise * 3) * 10) / 10,
    pressure: Math.round((1013 - noise) * 10) / 10,
    vibration: Math.round(noise * 1000) / 1000,
    number,
    madeAt: Math.round(now * 1000) / 1000,
  };
  return JSON.stringify({ ts: Math.floor(now), values });
}
