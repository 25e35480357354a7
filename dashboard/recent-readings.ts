import type { DatedMetrics } from "../wire/reading-head.ts";
import { NO_BYTES, SpareBuffers } from "./spare-buffers.ts";
import type { HubLimits } from "./hub-limits.ts";

export type RecentReadingsLimits = Pick<HubLimits, "recentReadingsPerDeviceMax" | "recentReadingsMax">;

/** A reading as it was kept. Times are UTC ms. */
export interface RecentReading {
  readonly ts: number;
  readonly received: number;
  /** JSON. */
  readonly metrics: string;
}

/** A buffer above this is let go when little of it is used, and is nobody else's. */
const LARGE_BYTES = 64 * 1024;
/** A reading counts once, and once more for each of so many bytes: so the ceilings bound memory too. */
const READING_BYTES = 1024;

/** The last readings of one device, in order of arrival, as bytes: a page that opens is rare, and what is kept must not be the collector's. */
export class DeviceReadings {
  readonly key: string;
  readonly ts: number[] = [];
  readonly received: number[] = [];
  /** Where the metrics of each end; they begin where those before it end. */
  readonly ends: number[] = [];
  bytes: Buffer<ArrayBuffer> = NO_BYTES;
  /** One has come since it was last looked at. */
  wasUsed = false;
  /** Its place among those that are held; -1 while it is not. */
  place = -1;
  readonly #spares: SpareBuffers;

  constructor(key: string, spares: SpareBuffers) {
    this.key = key;
    this.#spares = spares;
  }

  get count(): number {
    return this.ends.length;
  }

  /** What it counts for: the readings, or more where they are long. */
  get weight(): number {
    return Math.max(this.count, Math.ceil((this.ends.at(-1) ?? 0) / READING_BYTES));
  }

  /** How many of the oldest have to go so that the others count for `most` at most. The newest stays. */
  tooMany(most: number): number {
    const end = this.ends.at(-1) ?? 0;
    let count = Math.max(0, this.count - most);
    while (count < this.count - 1 && end - (this.ends[count - 1] ?? 0) > most * READING_BYTES) count += 1;
    return count;
  }

  push({ ts, received, bytes, start, end }: DatedMetrics): void {
    const at = this.ends.at(-1) ?? 0;
    const behind = at + end - start;
    if (behind > this.bytes.length) this.#move(Math.max(behind, this.bytes.length * 2), 0, at);
    bytes.copy(this.bytes, at, start, end);
    this.ts.push(ts);
    this.received.push(received);
    this.ends.push(behind);
  }

  /** Those from this one on. */
  *from(first: number): Iterable<RecentReading> {
    for (let index = Math.max(0, first); index < this.count; index += 1) {
      const metrics = this.bytes.toString("utf8", this.ends[index - 1] ?? 0, this.ends[index]);
      yield { ts: this.ts[index] ?? 0, received: this.received[index] ?? 0, metrics };
    }
  }

  /** Leaves the first `count` out. */
  cut(count: number): void {
    const cutEnd = this.ends[count - 1] ?? 0;
    const end = this.ends.at(-1) ?? 0;
    const isLarge = this.bytes.length > LARGE_BYTES && end - cutEnd < this.bytes.length / 4;
    if (isLarge) this.#move(end - cutEnd, cutEnd, end);
    else this.bytes.copyWithin(0, cutEnd, end);
    for (const all of [this.ts, this.received, this.ends]) all.splice(0, count);
    for (const [index, end] of this.ends.entries()) this.ends[index] = end - cutEnd;
  }

  clear(): void {
    this.#spares.give(this.bytes);
    this.bytes = NO_BYTES;
    for (const all of [this.ts, this.received, this.ends]) all.length = 0;
  }

  /** Bytes [start, end) are the first of a buffer of at least so many bytes. */
  #move(length: number, start: number, end: number): void {
    const { bytes } = this;
    this.bytes = this.#spares.take(length);
    bytes.copy(this.bytes, 0, start, end);
    this.#spares.give(bytes);
  }
}

/**
 * The last readings of each device. They bridge what the log already has and the tables do not yet: a page that opens gets them
 * first and finds no hole between history and live data.
 */
export class RecentReadings {
  readonly #limits: RecentReadingsLimits;
  readonly #devices = new Map<string, DeviceReadings>();
  /**
   * When there are too many, the one under the hand goes, unless something has come of it since the hand last passed (a second chance, Corbató 1968).
   * Whoever comes next takes its place, behind the hand.
   */
  readonly #circle: (DeviceReadings | null)[] = [];
  readonly #freePlaces: number[] = [];
  #hand = 0;
  #count = 0;
  readonly #spares = new SpareBuffers();

  constructor(limits: RecentReadingsLimits) {
    this.#limits = limits;
  }

  /** Where the readings of a device go, by its key. Whoever pushes may keep it. */
  device(key: string): DeviceReadings {
    return this.#devices.get(key) ?? new DeviceReadings(key, this.#spares);
  }

  push(device: DeviceReadings, reading: DatedMetrics): void {
    if (device.place === -1) this.#hold(device);
    else device.wasUsed = true;
    const before = device.weight;
    device.push(reading);
    // Cut in strides: moving all of them for every reading would take far longer.
    const most = this.#limits.recentReadingsPerDeviceMax;
    if (device.weight >= most * 2) device.cut(device.tooMany(most));
    this.#count += device.weight - before;
    while (this.#count > this.#limits.recentReadingsMax && this.#devices.size > 1) this.#forgetOldest(device);
  }

  /** In order of arrival. */
  of(key: string): readonly RecentReading[] {
    const device = this.#devices.get(key);
    return device === undefined ? [] : [...device.from(device.count - this.#limits.recentReadingsPerDeviceMax)];
  }

  /** Drops what was received up to `until`, UTC ms. */
  forget(key: string, until: number): void {
    const device = this.#devices.get(key);
    if (device === undefined) return;
    const kept = [...device.from(0)].filter(({ received }) => received > until);
    this.#letGo(device);
    if (kept.length === 0) return;
    this.#hold(device);
    for (const { ts, received, metrics } of kept) {
      const bytes = Buffer.from(metrics);
      device.push({ ts, received, bytes, start: 0, end: bytes.length });
    }
    this.#count += device.weight;
  }

  #hold(device: DeviceReadings): void {
    device.wasUsed = false;
    device.place = this.#freePlaces.pop() ?? this.#circle.length;
    this.#circle[device.place] = device;
    this.#devices.set(device.key, device);
  }

  #letGo(device: DeviceReadings): void {
    this.#devices.delete(device.key);
    this.#count -= device.weight;
    this.#circle[device.place] = null;
    this.#freePlaces.push(device.place);
    device.place = -1;
    device.clear();
  }

  /** Never what has just come. There is another one. */
  #forgetOldest(newest: DeviceReadings): void {
    for (;;) {
      const device = this.#circle[this.#hand] ?? null;
      this.#hand = (this.#hand + 1) % this.#circle.length;
      if (device === null || device === newest) continue;
      if (!device.wasUsed) return this.#letGo(device);
      device.wasUsed = false;
    }
  }
}
