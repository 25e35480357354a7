import type { Reading } from "../core/derived-records.ts";
import type { HubLimits } from "./hub-limits.ts";

export type RecentReadingsLimits = Pick<HubLimits, "recentReadingsPerDeviceMax" | "recentReadingsMax">;

interface DeviceReadings {
  /** In order of arrival. */
  readings: Reading[];
  /** One has come since it was last looked at. */
  wasUsed: boolean;
}

/**
 * The last readings of each device. They bridge what the log already has and the tables do not yet: a page that opens gets them
 * first and finds no hole between history and live data.
 */
export class RecentReadings {
  readonly #limits: RecentReadingsLimits;
  /** When there are too many, the first goes, unless something has come of it: then it goes to the end (a second chance, Corbató 1968). */
  readonly #devices = new Map<string, DeviceReadings>();
  #count = 0;

  constructor(limits: RecentReadingsLimits) {
    this.#limits = limits;
  }

  /** `key`: of its device. */
  push(key: string, reading: Reading): void {
    const known = this.#devices.get(key);
    const readings = known?.readings ?? [];
    if (known === undefined) this.#devices.set(key, { readings, wasUsed: false });
    else known.wasUsed = true;
    readings.push(reading);
    this.#count += 1;
    // Cut in strides: shifting one by one would move the whole array for every reading.
    const most = this.#limits.recentReadingsPerDeviceMax;
    if (readings.length >= most * 2) this.#count -= readings.splice(0, readings.length - most).length;
    while (this.#count > this.#limits.recentReadingsMax && this.#devices.size > 1) this.#forgetOldest(key);
  }

  /** In order of arrival. */
  of(key: string): readonly Reading[] {
    return (this.#devices.get(key)?.readings ?? []).slice(-this.#limits.recentReadingsPerDeviceMax);
  }

  /** Drops what was received up to `until`, UTC ms. */
  forget(key: string, until = Infinity): void {
    const device = this.#devices.get(key);
    if (device === undefined) return;
    const kept = device.readings.filter(({ received }) => received > until);
    this.#count -= device.readings.length - kept.length;
    if (kept.length === 0) this.#devices.delete(key);
    else device.readings = kept;
  }

  /** Never what has just come. */
  #forgetOldest(newest: string): void {
    for (const [key, device] of this.#devices) {
      if (key === newest) continue;
      if (!device.wasUsed) return this.forget(key);
      device.wasUsed = false;
      this.#devices.delete(key);
      this.#devices.set(key, device);
    }
  }
}
