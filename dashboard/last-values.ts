import { KeptMetrics } from "./kept-metrics.ts";
import type { Metrics } from "../wire/reading-reader.ts";
import type { DatedMetrics } from "../wire/reading-head.ts";
import type { LiveValue } from "./live-protocol.ts";
import type { MetricValue } from "../core/schemas.ts";
import type { HubLimits } from "./hub-limits.ts";

/** So many kinds of readings of a device are told apart; what comes of more is taken apart as it comes. */
const KINDS = 4;

/** Written over in place: under load a new one per value would be most of what V8 has to collect here. */
type KeptValue = { -readonly [Index in keyof LiveValue]: LiveValue[Index] };

export interface DeviceEntry {
  readonly tenant: string;
  readonly device: string;
  lastReceived: number;
  readonly values: Map<string, KeptValue>;
  /** Of each kind of its readings the last, in the order in which they came: a device's own, and those that functions make of them. */
  readonly latest: KeptMetrics[];
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
 * Nearly every reading is newer than one before and has the same metrics. Of such ones only the last is taken apart, when somebody
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
    const made = { tenant, device, lastReceived: 0, values: new Map(), latest: [], json: null };
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

  /** True when one of its values may be the newest. */
  #take(entry: DeviceEntry, reading: ReadingToTake): boolean | null {
    const { latest } = entry;
    if (replaceOne(latest, reading)) return true;
    const metrics = reading.metrics();
    if (metrics === null) return null;
    this.#settle(entry);
    const changed = this.#merge(entry.values, metrics, reading);
    if (!changed) return false;
    if (latest.length === KINDS) latest.shift();
    latest.push(new KeptMetrics(reading));
    return true;
  }

  /** In the order in which they came, since the later one counts among equals. */
  #settle(entry: DeviceEntry): void {
    for (const kept of entry.latest) {
      if (kept.waits) this.#merge(entry.values, kept.metrics() ?? {}, kept);
      kept.waits = false;
    }
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
    entry.latest.length = 0;
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

/** False when it replaces none. Otherwise it is the last of them, in place of the one. */
function replaceOne(latest: KeptMetrics[], reading: DatedMetrics): boolean {
  for (let at = 0; at < latest.length; at += 1) {
    const kept = latest[at];
    if (kept?.isReplacedBy(reading) !== true) continue;
    kept.keep(reading);
    kept.waits = true;
    if (at < latest.length - 1) {
      latest.copyWithin(at, at + 1);
      latest[latest.length - 1] = kept;
    }
    return true;
  }
  return false;
}
