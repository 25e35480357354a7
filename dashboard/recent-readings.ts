import type { Reading } from "../core/derived-records.ts";
import { deviceKey } from "../core/ids.ts";
import type { HubLimits } from "./hub-limits.ts";

export type RecentReadingsLimits = Pick<HubLimits, "recentReadingsPerDeviceMax" | "recentReadingsMax">;

/**
 * The last readings of each device. They bridge what the log already has and the tables do not yet: a page that opens gets them
 * first and finds no hole between history and live data.
 */
export class RecentReadings {
  readonly #limits: RecentReadingsLimits;
  /** In order of last use: the device that was quiet longest goes first when there are too many. */
  readonly #devices = new Map<string, Reading[]>();
  #count = 0;

  constructor(limits: RecentReadingsLimits) {
    this.#limits = limits;
  }

  push(reading: Reading): void {
    const key = deviceKey(reading.tenant, reading.device);
    const readings = this.#devices.get(key) ?? [];
    this.#devices.delete(key);
    this.#devices.set(key, readings);
    readings.push(reading);
    this.#count += 1;
    // Cut in strides: shifting one by one would move the whole array for every reading.
    const most = this.#limits.recentReadingsPerDeviceMax;
    if (readings.length >= most * 2) this.#count -= readings.splice(0, readings.length - most).length;
    while (this.#count > this.#limits.recentReadingsMax && this.#devices.size > 1) this.#forgetOldest();
  }

  /** In order of arrival. */
  of(key: string): readonly Reading[] {
    return (this.#devices.get(key) ?? []).slice(-this.#limits.recentReadingsPerDeviceMax);
  }

  /** Drops what was received up to `until`, UTC ms. */
  forget(key: string, until = Infinity): void {
    const readings = this.#devices.get(key) ?? [];
    const kept = readings.filter(({ received }) => received > until);
    this.#count -= readings.length - kept.length;
    if (kept.length === 0) this.#devices.delete(key);
    else this.#devices.set(key, kept);
  }

  #forgetOldest(): void {
    const oldest = this.#devices.keys().next();
    if (oldest.done !== true) this.forget(oldest.value);
  }
}
