import type { Clock } from "../core/clock.ts";
import type { AlarmEvent, DeviceEvent, Reading } from "../core/derived-records.ts";
import { deviceKey } from "../core/ids.ts";
import type { DevicePace } from "../core/slow-devices.ts";
import { FleetActivity, silentDevices } from "./fleet-activity.ts";
import { DevicePaces } from "./device-paces.ts";
import type { HubLimits } from "./hub-limits.ts";
import { LastValues } from "./last-values.ts";
import type { FleetMessage } from "./live-protocol.ts";
import { RecentReadings } from "./recent-readings.ts";
import { type Watcher, Watchers } from "./watchers.ts";

const FLEET_ROWS = 6;
/** A device that said nothing for this long is shown as silent. */
export const STALE_AFTER_MS = 5 * 60_000;

/** What is known now, and its way to the browsers that want it: apply records, then `settle` once per batch. */
export class LiveFeed {
  readonly watchers = new Watchers();
  readonly lastValues: LastValues;
  readonly #recent: RecentReadings;
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

  /** A reading that was just written, of the device with this key. */
  applyReading(key: string, reading: Reading): void {
    if (this.#isErased(key, reading)) return;
    this.#recent.push(key, reading);
    this.#activityOf(reading.tenant).countReading(reading.device, reading.received);
    this.#applyValues(key, reading);
    const streaming = this.watchers.readings.get(key);
    if (streaming === undefined) return;
    const json = readingJson(reading);
    for (const watcher of streaming) {
      watcher.pending.pushReading(json);
      this.#touched.add(watcher);
    }
  }

  /** A reading from before the start: last values only. */
  applyOldReading(key: string, reading: Reading): void {
    if (!this.#isErased(key, reading)) this.#applyValues(key, reading);
  }

  #applyValues(key: string, reading: Reading): void {
    if (!this.lastValues.apply(key, reading)) return;
    for (const watcher of this.watchers.values.get(key) ?? []) {
      watcher.pending.markDevice(key);
      this.#touched.add(watcher);
    }
  }

  /** Of a reading that its device itself has sent, beside the above: functions derive others. `isOld`: from before the start. */
  countPace(key: string, reading: Reading, isOld: boolean): void {
    if (this.#isErased(key, reading)) return;
    let paces = this.#paces.get(reading.tenant);
    if (paces === undefined) this.#paces.set(reading.tenant, (paces = new DevicePaces(this.#devicesMax)));
    paces.count(reading, isOld);
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
    return this.#recent.of(key).map(readingJson);
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
    this.#activity.get(tenant)?.forget(device);
    this.#paces.get(tenant)?.forget(device);
  }

  #isErased(key: string, { received }: Reading): boolean {
    return this.#removedAt.size > 0 && received <= (this.#removedAt.get(key) ?? 0);
  }

  #activityOf(tenant: string): FleetActivity {
    const known = this.#activity.get(tenant);
    if (known !== undefined) return known;
    const made = new FleetActivity();
    this.#activity.set(tenant, made);
    return made;
  }
}

function readingJson({ ts, received, metrics }: Reading): string {
  return JSON.stringify([ts, received, metrics]);
}
