import { KeptMetrics } from "./kept-metrics.ts";
import type { Metrics } from "../wire/reading-reader.ts";
import type { DatedMetrics } from "../wire/reading-head.ts";
import type { LiveValue } from "./live-protocol.ts";
import type { MetricValue } from "../core/schemas.ts";
import type { HubLimits } from "./hub-limits.ts";

/** Written over in place: under load a new one per value would be most of what V8 has to collect here. */
type KeptValue = { -readonly [Index in keyof LiveValue]: LiveValue[Index] };

export interface DeviceEntry {
  readonly tenant: string;
  readonly device: string;
  lastReceived: number;
  readonly values: Map<string, KeptValue>;
  /** A reading of which at least one value is the newest; null when it is not known. */
  latest: KeptMetrics | null;
  /** It is not in `values` yet: nobody has asked since it came. */
  waits: boolean;
  /** The device's part of a `values` frame; null when it changed since the last one. Every client gets the same text. */
  json: string | null;
}

type Times = Pick<DatedMetrics, "ts" | "received">;

/** A reading whose metrics are read when they are asked for; null when they cannot be. */
export interface ReadingToTake extends DatedMetrics {
  metrics(): Metrics | null;
}

export type LastValuesLimits = Pick<HubLimits, "lastValueDevicesMax" | "lastValueMetricsPerDeviceMax">;

/**
 * The newest value of every metric of every device, by event time: an older reading never overwrites a newer one, however late it
 * is read. Above the ceilings new devices and metrics are left out.
 *
 * Nearly every reading is newer than the one before and has the same metrics. Of such ones only the last is taken apart, when somebody
 * asks; until then it is bytes.
 */
export class LastValues {
  readonly #limits: LastValuesLimits;
  readonly #devices = new Map<string, DeviceEntry>();

  constructor(limits: LastValuesLimits) {
    this.#limits = limits;
  }

  /** Where the values of a device are, by its key. Null above the ceiling: it is left out. */
  device(key: string, tenant: string, device: string): DeviceEntry | null {
    const known = this.#devices.get(key);
    if (known !== undefined) return known;
    if (this.#devices.size >= this.#limits.lastValueDevicesMax) return null;
    const made = { tenant, device, lastReceived: 0, values: new Map(), latest: null, waits: false, json: null };
    this.#devices.set(key, made);
    return made;
  }

  /** Takes a reading in. True when something that is shown changed; null when its metrics cannot be read. */
  apply(entry: DeviceEntry, reading: ReadingToTake): boolean | null {
    const isLater = reading.received > entry.lastReceived;
    const changed = this.#take(entry, reading);
    if (changed === null) return null;
    if (isLater) entry.lastReceived = reading.received;
    if (changed || isLater) entry.json = null;
    return changed || isLater;
  }

  /** True when one of its values is the newest. */
  #take(entry: DeviceEntry, reading: ReadingToTake): boolean | null {
    if (entry.latest?.isReplacedBy(reading) === true) {
      entry.latest.keep(reading);
      entry.waits = true;
      return true;
    }
    const metrics = reading.metrics();
    if (metrics === null) return null;
    this.#settle(entry);
    const changed = this.#merge(entry.values, metrics, reading);
    if (changed) (entry.latest ??= new KeptMetrics()).keep(reading);
    return changed;
  }

  #settle(entry: DeviceEntry): void {
    const { latest } = entry;
    if (latest !== null && entry.waits) this.#merge(entry.values, latest.metrics() ?? {}, latest);
    entry.waits = false;
  }

  #merge(values: DeviceEntry["values"], metrics: Metrics, times: Times): boolean {
    let changed = false;
    for (const metric of Object.keys(metrics)) {
      if (this.#keep(values, metric, metrics[metric], times)) changed = true;
    }
    return changed;
  }

  /** `[device, lastReceived, {metric: [ts, value, received]}]` as JSON; null for a device without readings. Made once per change. */
  json(key: string): string | null {
    const entry = this.#devices.get(key);
    if (entry === undefined) return null;
    this.#settle(entry);
    // fromEntries defines own properties, whatever a metric is called.
    entry.json ??= JSON.stringify([entry.device, entry.lastReceived, Object.fromEntries(entry.values)]);
    return entry.json;
  }

  /** Drops what was received up to `until`, UTC ms. */
  forget(key: string, until: number): void {
    const entry = this.#devices.get(key);
    if (entry === undefined) return;
    this.#settle(entry);
    entry.latest = null;
    for (const [metric, [, , received]] of entry.values) if (received <= until) entry.values.delete(metric);
    entry.json = null;
    if (entry.lastReceived <= until) this.#devices.delete(key);
  }

  *lastReceived(): Iterable<{ readonly tenant: string; readonly device: string; readonly received: number }> {
    for (const { tenant, device, lastReceived } of this.#devices.values())
      yield { tenant, device, received: lastReceived };
  }

  /** True when the reading's value is the newest now. */
  #keep(
    values: DeviceEntry["values"],
    metric: string,
    value: MetricValue | undefined,
    { ts, received }: Times,
  ): boolean {
    const known = values.get(metric);
    if (value === undefined) return false;
    if (known === undefined) {
      if (values.size >= this.#limits.lastValueMetricsPerDeviceMax) return false;
      values.set(metric, [ts, value, received]);
      return true;
    }
    // Among equal event times the later arrival wins, so that reading old records beside new ones changes nothing.
    const isNewer = ts > known[0] || (ts === known[0] && received >= known[2]);
    if (isNewer) [known[0], known[1], known[2]] = [ts, value, received];
    return isNewer;
  }
}
