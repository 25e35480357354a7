import type { Reading } from "../core/derived-records.ts";
import { deviceKey } from "../core/ids.ts";
import type { LiveValue } from "./live-protocol.ts";
import type { HubLimits } from "./hub-limits.ts";

/** Written over in place: under load a new one per value would be most of what V8 has to collect here. */
type KeptValue = { -readonly [Index in keyof LiveValue]: LiveValue[Index] };

interface DeviceEntry {
  readonly tenant: string;
  readonly device: string;
  lastReceived: number;
  readonly values: Map<string, KeptValue>;
  /** The device's part of a `values` frame; null when it changed since the last one. Every client gets the same text. */
  json: string | null;
}

export type LastValuesLimits = Pick<HubLimits, "lastValueDevicesMax" | "lastValueMetricsPerDeviceMax">;

/**
 * The newest value of every metric of every device, by event time: an older reading never overwrites a newer one, however late it
 * is read. Above the ceilings new devices and metrics are left out.
 */
export class LastValues {
  readonly #limits: LastValuesLimits;
  readonly #devices = new Map<string, DeviceEntry>();

  constructor(limits: LastValuesLimits) {
    this.#limits = limits;
  }

  /** Takes a reading in. True when something that is shown changed. */
  apply(reading: Reading): boolean {
    const entry = this.#entry(reading.tenant, reading.device);
    if (entry === null) return false;
    let changed = false;
    if (reading.received > entry.lastReceived) {
      entry.lastReceived = reading.received;
      changed = true;
    }
    for (const metric of Object.keys(reading.metrics)) {
      if (this.#keep(entry.values, metric, reading)) changed = true;
    }
    if (changed) entry.json = null;
    return changed;
  }

  /** `[device, lastReceived, {metric: [ts, value, received]}]` as JSON; null for a device without readings. Made once per change. */
  json(key: string): string | null {
    const entry = this.#devices.get(key);
    if (entry === undefined) return null;
    // fromEntries defines own properties, so that a metric named __proto__ stays a metric.
    entry.json ??= JSON.stringify([entry.device, entry.lastReceived, Object.fromEntries(entry.values)]);
    return entry.json;
  }

  /** Drops what was received up to `until`, UTC ms. */
  forget(key: string, until: number): void {
    const entry = this.#devices.get(key);
    if (entry === undefined) return;
    for (const [metric, [, , received]] of entry.values) if (received <= until) entry.values.delete(metric);
    entry.json = null;
    if (entry.lastReceived <= until) this.#devices.delete(key);
  }

  *lastReceived(): Iterable<{ readonly tenant: string; readonly device: string; readonly received: number }> {
    for (const { tenant, device, lastReceived } of this.#devices.values())
      yield { tenant, device, received: lastReceived };
  }

  /** True when the reading's value is the newest now. */
  #keep(values: DeviceEntry["values"], metric: string, { ts, received, metrics }: Reading): boolean {
    const value = metrics[metric];
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

  #entry(tenant: string, device: string): DeviceEntry | null {
    const key = deviceKey(tenant, device);
    const known = this.#devices.get(key);
    if (known !== undefined) return known;
    if (this.#devices.size >= this.#limits.lastValueDevicesMax) return null;
    const made: DeviceEntry = { tenant, device, lastReceived: 0, values: new Map(), json: null };
    this.#devices.set(key, made);
    return made;
  }
}
