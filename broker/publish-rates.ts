import type { Metrics } from "../core/metrics.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { forgottenCounter } from "./forgotten.ts";
import { type PacedBy, type PauseCounters, PublishPace } from "./publish-pace.ts";
import { PublishRate } from "./publish-rate.ts";

/** How fast devices and connections may publish. */
export interface PublishRates {
  /** For a new connection of this device (`tenant/device`), until its `end`. Null where no rate has a ceiling. */
  paceOf(device: string, resume: () => void): PublishPace | null;
  /** How long this device is to wait before its next message, ms; 0: it may send one. */
  waitMs(device: string): number;
  /** The device has sent a message outside of a connection that has a pace. */
  spend(device: string, payloadBytes: number): void;
}

export interface PublishRatesOptions {
  readonly limits: Pick<
    EdgeLimits,
    | "messagesPerSecondPerConnectionMax"
    | "payloadBytesPerSecondPerConnectionMax"
    | "messagesPerSecondPerDeviceMax"
    | "payloadBytesPerSecondPerDeviceMax"
    | "publishBurstMs"
    | "pacedDevicesMax"
  >;
  readonly metrics: Metrics;
  /** Monotonic. */
  readonly nowMs: () => number;
}

interface DeviceRate {
  readonly rate: PublishRate;
  /** Connections that are held to it. */
  connections: number;
}

export function createPublishRates({ limits, metrics, nowMs }: PublishRatesOptions): PublishRates {
  const burstMs = limits.publishBurstMs;
  const ofConnection = {
    messagesPerSecond: limits.messagesPerSecondPerConnectionMax,
    bytesPerSecond: limits.payloadBytesPerSecondPerConnectionMax,
  };
  const ofDevice = {
    messagesPerSecond: limits.messagesPerSecondPerDeviceMax,
    bytesPerSecond: limits.payloadBytesPerSecondPerDeviceMax,
  };
  const pausesByConnection = pauseCounters(metrics, "connection");
  const pausesByDevice = pauseCounters(metrics, "device");
  const forgotten = forgottenCounter(metrics, "device");
  const devices = new Map<string, DeviceRate>();
  /** Those of `devices` without connections: the one that sent longest ago first. */
  const idle = new Set<string>();

  function deviceRate(device: string): DeviceRate {
    const known = devices.get(device);
    if (known !== undefined) return known;
    const made = { rate: new PublishRate({ ...ofDevice, burstMs, nowMs }), connections: 0 };
    devices.set(device, made);
    return made;
  }

  /** A device that has gone is remembered until it could send its whole burst again: to come back must not pay. */
  function keepIdle(device: string, { rate, connections }: DeviceRate): void {
    if (connections > 0) return;
    idle.delete(device);
    if (rate.isFull) return void devices.delete(device);
    idle.add(device);
    if (idle.size <= limits.pacedDevicesMax) return;
    for (const oldest of idle) {
      idle.delete(oldest);
      devices.delete(oldest);
      forgotten.add();
      return;
    }
  }

  function joinDevice(device: string): PacedBy & { leave(): void } {
    const held = deviceRate(device);
    held.connections += 1;
    idle.delete(device);
    return {
      rate: held.rate,
      pauses: pausesByDevice,
      leave() {
        held.connections -= 1;
        held.rate.refill(nowMs());
        keepIdle(device, held);
      },
    };
  }

  return {
    paceOf(key, resume) {
      const own = isUnlimited(ofConnection)
        ? null
        : { rate: new PublishRate({ ...ofConnection, burstMs, nowMs }), pauses: pausesByConnection };
      const device = isUnlimited(ofDevice) ? null : joinDevice(key);
      if (own === null && device === null) return null;
      return new PublishPace({ own, device, nowMs, resume, left: () => device?.leave() });
    },
    waitMs(device) {
      const rate = devices.get(device)?.rate;
      if (rate === undefined) return 0;
      rate.refill(nowMs());
      return rate.waitMs;
    },
    spend(device, payloadBytes) {
      if (isUnlimited(ofDevice)) return;
      const held = deviceRate(device);
      held.rate.refill(nowMs());
      held.rate.spend(1, payloadBytes);
      keepIdle(device, held);
    },
  };
}

function isUnlimited(rate: { readonly messagesPerSecond: number; readonly bytesPerSecond: number }): boolean {
  return rate.messagesPerSecond === 0 && rate.bytesPerSecond === 0;
}

function pauseCounters(metrics: Metrics, by: "connection" | "device"): PauseCounters {
  return {
    times: metrics.counter(
      "millrace_mqtt_paused_total",
      "Times that a connection was not read because it, or its device, was too fast.",
      { by },
    ),
    seconds: metrics.counter("millrace_mqtt_paused_seconds_total", "How long such connections were not read.", { by }),
  };
}
