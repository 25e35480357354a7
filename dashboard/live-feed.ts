import type { Clock } from "../core/clock.ts";
import type { AlarmEvent, DeviceEvent } from "../core/derived-records.ts";
import { deviceKey, parseDeviceKey } from "../core/ids.ts";
import type { DevicePace } from "../core/slow-devices.ts";
import { type Activity, countReading, FleetActivity, silentDevices } from "./fleet-activity.ts";
import { countPace, DevicePaces, type Pace } from "./device-paces.ts";
import type { HubLimits } from "./hub-limits.ts";
import { type DeviceEntry, LastValues } from "./last-values.ts";
import type { FleetMessage } from "./live-protocol.ts";
import { type DeviceReadings, type RecentReading, RecentReadings } from "./recent-readings.ts";
import { type Watcher, Watchers } from "./watchers.ts";
import type { ReadingHead } from "../wire/reading-head.ts";

const FLEET_ROWS = 6;
/** A device that said nothing for this long is shown as silent. */
export const STALE_AFTER_MS = 5 * 60_000;

/** Where what is known of a device stands, found once for each reading. Null: above a ceiling, or nothing yet. */
interface KnownDevice {
  readonly tenant: string;
  readonly device: string;
  recent: DeviceReadings | null;
  values: DeviceEntry | null;
  activity: Activity | null;
  pace: Pace | null;
}

/** What is known now, and its way to the browsers that want it: apply records, then `settle` once per batch. */
export class LiveFeed {
  readonly watchers = new Watchers();
  readonly lastValues: LastValues;
  readonly #recent: RecentReadings;
  readonly #devices = new Map<string, KnownDevice>();
  readonly #activity = new Map<string, FleetActivity>();
  readonly #paces = new Map<string, DevicePaces>();
  readonly #devicesMax: number;
  /** When a device was removed, by receive time: what came before is not shown, whenever it is read. */
  readonly #removedAt = new Map<string, number>();
  readonly #touched = new Set<Watcher>();
  readonly #clock: Clock;

  constructor(limits: HubLimits, clock: Clock) {
    this.#clock = clock;
    this.#devicesMax = limits.lastValueDevicesMax;
    this.lastValues = new LastValues(limits);
    this.#recent = new RecentReadings(limits);
  }

  /**
   * A reading as the log has it. `isOld`: from before the start; then it changes last values, as what a replay has corrected does, and is nothing new.
   * `isOwn`: its device has sent it itself; functions derive others. False when it cannot be read.
   */
  applyReading(reading: ReadingHead, isOld: boolean, isOwn: boolean): boolean {
    const { key } = reading;
    const device = this.#deviceOf(key);
    if (device === null) return false;
    if (this.#isErased(key, reading.received)) return true;
    if (!this.#applyValues(device, reading)) return false;
    if (!isOld && !reading.isRevision) this.#applyNew(device, reading);
    if (!isOwn) return true;
    device.pace ??= this.#pacesOf(device.tenant).of(device.device);
    if (device.pace !== null) countPace(device.pace, reading, isOld);
    return true;
  }

  /** A reading that was just written. */
  #applyNew(device: KnownDevice, reading: ReadingHead): void {
    const { key, ts, received } = reading;
    this.#recent.push((device.recent ??= this.#recent.device(key)), reading);
    device.activity ??= this.#activityOf(device.tenant).of(device.device);
    countReading(device.activity, received);
    const streaming = this.watchers.readings.get(key);
    if (streaming === undefined) return;
    const json = JSON.stringify([ts, received, reading.metrics()]);
    for (const watcher of streaming) {
      watcher.pending.pushReading(json);
      this.#touched.add(watcher);
    }
  }

  /** False when the metrics cannot be read. */
  #applyValues(device: KnownDevice, reading: ReadingHead): boolean {
    const { key } = reading;
    device.values ??= this.lastValues.device(key, device.tenant, device.device);
    // Above the ceiling nobody looks at them otherwise.
    if (device.values === null) return reading.metrics() !== null;
    const changed = this.lastValues.apply(device.values, reading);
    if (changed !== true) return changed !== null;
    for (const watcher of this.watchers.values.get(key) ?? []) {
      watcher.pending.markDevice(key);
      this.#touched.add(watcher);
    }
    return true;
  }

  paces(tenant: string): Iterable<DevicePace> {
    return this.#paces.get(tenant)?.all() ?? [];
  }

  applyAlarm(event: AlarmEvent): void {
    this.applyOldAlarm(event);
    const watching = this.watchers.alarms.get(event.tenant);
    if (watching === undefined) return;
    const json = JSON.stringify(event);
    for (const watcher of watching) {
      watcher.pending.pushAlarm(json);
      this.#touched.add(watcher);
    }
  }

  applyOldAlarm(event: AlarmEvent): void {
    if (event.transition === "raised") this.#activityOf(event.tenant).countAlarm(event.device, event.received);
  }

  settle(): void {
    for (const watcher of this.#touched) watcher.schedule();
    this.#touched.clear();
  }

  recentReadings(key: string): readonly string[] {
    return this.#recent.of(key).map(recentJson);
  }

  fleet(tenant: string): FleetMessage {
    const now = this.#clock.now();
    const own = [...this.lastValues.lastReceived()].filter((entry) => entry.tenant === tenant);
    const silent = silentDevices(own, now, STALE_AFTER_MS, FLEET_ROWS);
    return {
      type: "fleet",
      noisy: this.#activityOf(tenant).noisiest(now, FLEET_ROWS),
      silent: silent.map(({ device, received }) => ({ device, received })),
    };
  }

  /** A device was removed: nothing of it from before is remembered. */
  applyRemoval({ tenant, device, received }: DeviceEvent): void {
    const key = deviceKey(tenant, device);
    if (received <= (this.#removedAt.get(key) ?? 0)) return;
    this.#removedAt.set(key, received);
    this.lastValues.forget(key, received);
    this.#recent.forget(key, received);
    this.#devices.delete(key);
    this.#activity.get(tenant)?.forget(device);
    this.#paces.get(tenant)?.forget(device);
  }

  #isErased(key: string, received: number): boolean {
    return this.#removedAt.size > 0 && received <= (this.#removedAt.get(key) ?? 0);
  }

  /** Null when the key is none. */
  #deviceOf(key: string): KnownDevice | null {
    const known = this.#devices.get(key);
    if (known !== undefined) return known;
    const ids = parseDeviceKey(key);
    if (ids === null) return null;
    const made = { ...ids, recent: null, values: null, activity: null, pace: null };
    this.#devices.set(key, made);
    return made;
  }

  #pacesOf(tenant: string): DevicePaces {
    const known = this.#paces.get(tenant);
    if (known !== undefined) return known;
    const made = new DevicePaces(this.#devicesMax);
    this.#paces.set(tenant, made);
    return made;
  }

  #activityOf(tenant: string): FleetActivity {
    const known = this.#activity.get(tenant);
    if (known !== undefined) return known;
    const made = new FleetActivity();
    this.#activity.set(tenant, made);
    return made;
  }
}

/** As `JSON.stringify` would write it: stages write metrics so. */
function recentJson({ ts, received, metrics }: RecentReading): string {
  return `[${ts},${received},${metrics}]`;
}
