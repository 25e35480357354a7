import { type ReadonlySignal, signal } from "@preact/signals";
import { LIMITS } from "../../../core/limits.ts";
import type { MetricValue } from "../../../core/schemas.ts";
import type { LiveReading, ReadingsMessage } from "../../live-protocol.ts";
import { LiveBuffer, type LivePoint } from "../model/live-buffer.ts";

export interface LatestValue {
  readonly ts: number;
  readonly value: MetricValue;
  readonly received: number | null;
}

/** Every reading of the watched device since the page opened. */
export interface DeviceFeed {
  /** Grows whenever something came. */
  readonly version: ReadonlySignal<number>;
  /** Grows when readings were skipped: history must be asked again. */
  readonly holes: ReadonlySignal<number>;
  readonly newestTs: ReadonlySignal<number | null>;
  readonly lastReceived: ReadonlySignal<number | null>;
  /** Newest value by event time of every metric, numbers or not. */
  readonly latest: ReadonlySignal<ReadonlyMap<string, LatestValue>>;
  points(metric: string): readonly LivePoint[];
  take(message: ReadingsMessage): void;
  /** Values known from elsewhere: the tables, the list of devices. */
  offer(metric: string, value: LatestValue): void;
}

export function createDeviceFeed(): DeviceFeed {
  const buffers = new Map<string, LiveBuffer>();
  const version = signal(0);
  const holes = signal(0);
  const newestTs = signal<number | null>(null);
  const lastReceived = signal<number | null>(null);
  const latest = signal<ReadonlyMap<string, LatestValue>>(new Map());
  const isNewer = (known: LatestValue | undefined, ts: number) => known === undefined || ts >= known.ts;

  function takeReading([ts, received, metrics]: LiveReading, values: Map<string, LatestValue>): void {
    for (const [metric, value] of Object.entries(metrics)) {
      if (isNewer(values.get(metric), ts)) values.set(metric, { ts, value, received });
      if (typeof value !== "number") continue;
      const buffer = buffers.get(metric) ?? new LiveBuffer(LIMITS.browserPointsPerMetricMax);
      buffers.set(metric, buffer);
      buffer.push({ ts, value, received });
    }
    newestTs.value = Math.max(newestTs.value ?? ts, ts);
    lastReceived.value = Math.max(lastReceived.value ?? received, received);
  }

  return {
    version,
    holes,
    newestTs,
    lastReceived,
    latest,
    points: (metric) => buffers.get(metric)?.points ?? [],
    take({ readings, missed }) {
      const values = new Map(latest.value);
      for (const reading of readings) takeReading(reading, values);
      latest.value = values;
      if (missed) holes.value += 1;
      version.value += 1;
    },
    offer(metric, value) {
      const known = latest.value.get(metric);
      if (!isNewer(known, value.ts)) return;
      // The tables know no receive time and keep a boolean as a number: what came live says more of the same reading.
      if (value.received === null && known?.ts === value.ts) return;
      latest.value = new Map(latest.value).set(metric, value);
      newestTs.value = Math.max(newestTs.value ?? value.ts, value.ts);
      if (value.received !== null) lastReceived.value = Math.max(lastReceived.value ?? 0, value.received);
    },
  };
}
