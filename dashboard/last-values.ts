import type { Reading } from "../core/derived-records.ts";
import type { LiveValue } from "./live-protocol.ts";
import type { HubLimits } from "./hub-limits.ts";

/** Written over in place: under load a new one per value would be most of what V8 has to collect here. */
type KeptValue = { -readonly [Index in keyof LiveValue]: LiveValue[Index] };

interface DeviceEntry {
  readonly tenant: string;
  readonly device: string;
  lastReceived: number;
  readonly values: Map<string, KeptValue>;
  /** A reading of which at least one value is the newest; null when it is not known. */
  latest: Reading | null;
  /** It is not in `values` yet: nobody has asked since it came. */
  waits: boolean;
  /** The device's part of a `values` frame; null when it changed since the last one. Every client gets the same text. */
  json: string | null;
}

export type LastValuesLimits = Pick<HubLimits, "lastValueDevicesMax" | "lastValueMetricsPerDeviceMax">;

/**
 * The newest value of every metric of every device, by event time: an older reading never overwrites a newer one, however late it
 * is read. Above the ceilings new devices and metrics are left out.
 *
 * Nearly every reading is newer than the one before and has the same metrics. Of such ones only the last is taken apart, when somebody asks.
 */
export class LastValues {
  readonly #limits: LastValuesLimits;
  readonly #devices = new Map<string, DeviceEntry>();

  constructor(limits: LastValuesLimits) {
    this.#limits = limits;
  }

  /** Takes a reading in, of the device with this key. True when something that is shown changed. */
  apply(key: string, reading: Reading): boolean {
    const entry = this.#entry(key, reading);
    if (entry === null) return false;
    const isLater = reading.received > entry.lastReceived;
    if (isLater) entry.lastReceived = reading.received;
    const changed = this.#take(entry, reading) || isLater;
    if (changed) entry.json = null;
    return changed;
  }

  /** True when one of its values is the newest. */
  #take(entry: DeviceEntry, reading: Reading): boolean {
    if (entry.latest !== null && replaces(reading, entry.latest)) {
      entry.latest = reading;
      entry.waits = true;
      return true;
    }
    this.#settle(entry);
    const changed = this.#merge(entry.values, reading);
    if (changed) entry.latest = reading;
    return changed;
  }

  #settle(entry: DeviceEntry): void {
    if (entry.latest !== null && entry.waits) this.#merge(entry.values, entry.latest);
    entry.waits = false;
  }

  #merge(values: DeviceEntry["values"], reading: Reading): boolean {
    let changed = false;
    for (const metric of Object.keys(reading.metrics)) {
      if (this.#keep(values, metric, reading)) changed = true;
    }
    return changed;
  }

  /** `[device, lastReceived, {metric: [ts, value, received]}]` as JSON; null for a device without readings. Made once per change. */
  json(key: string): string | null {
    const entry = this.#devices.get(key);
    if (entry === undefined) return null;
    this.#settle(entry);
    // fromEntries defines own properties, so that a metric named __proto__ stays a metric.
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

  #entry(key: string, { tenant, device }: Reading): DeviceEntry | null {
    const known = this.#devices.get(key);
    if (known !== undefined) return known;
    if (this.#devices.size >= this.#limits.lastValueDevicesMax) return null;
    const made = { tenant, device, lastReceived: 0, values: new Map(), latest: null, waits: false, json: null };
    this.#devices.set(key, made);
    return made;
  }
}

/** True when `next` is newer than `known` and has all its metrics: nothing of `known` is the newest any more. */
function replaces(next: Reading, known: Reading): boolean {
  if (next.ts < known.ts || (next.ts === known.ts && next.received < known.received)) return false;
  for (const metric in known.metrics) if (!Object.hasOwn(next.metrics, metric)) return false;
  return true;
}
