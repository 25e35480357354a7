import type { DevicePace } from "../core/slow-devices.ts";
import type { ReadingHead } from "../wire/reading-head.ts";

/** Closer than this is one message, or a backlog that comes at once: nothing is learned of it. */
const INTERVAL_MS_MIN = 1000;
/** Intervals, and delays, that are averaged as they are. After so many the newest counts for one part in this. */
const MEMORY = 8;
/** One outage does not become the usual interval. */
const GROWTH = 4;
/** Before that many intervals nothing is usual. */
const INTERVALS_MIN = 3;

/** Written over in place. */
export interface Pace {
  received: number;
  /** Of the last reading that an interval was measured from: of old records, and of what is read live. Both are read at once at the start. */
  readonly measured: { old: number; live: number };
  intervalMs: number;
  intervals: number;
  delayMs: number;
  delays: number;
}

type PacedReading = Pick<ReadingHead, "ts" | "received" | "tsFromReceive">;

/** How often each device of one tenant reports, and how long its readings are under way: a few additions for each. */
export class DevicePaces {
  readonly #devices = new Map<string, Pace>();
  readonly #devicesMax: number;

  constructor(devicesMax: number) {
    this.#devicesMax = devicesMax;
  }

  forget(device: string): void {
    this.#devices.delete(device);
  }

  *all(): Iterable<DevicePace> {
    for (const [device, { received, intervalMs, intervals, delayMs, delays }] of this.#devices) {
      yield {
        device,
        received,
        intervalMs: intervals < INTERVALS_MIN ? null : intervalMs,
        delayMs: delays === 0 ? null : delayMs,
      };
    }
  }

  /** Of a device, to be kept until it is forgotten. Null above the ceiling: such a device is left out. */
  of(device: string): Pace | null {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    if (this.#devices.size >= this.#devicesMax) return null;
    const made = { received: 0, measured: { old: 0, live: 0 }, intervalMs: 0, intervals: 0, delayMs: 0, delays: 0 };
    this.#devices.set(device, made);
    return made;
  }
}

/** Learns of a reading that the device itself sent. `isOld`: it is read from before the start, in order too. */
export function countPace(pace: Pace, { ts, received, tsFromReceive }: PacedReading, isOld: boolean): void {
  pace.received = Math.max(pace.received, received);
  const before = isOld ? pace.measured.old : pace.measured.live;
  if (before === 0 || received - before >= INTERVAL_MS_MIN) {
    if (before !== 0) learnInterval(pace, received - before);
    if (isOld) pace.measured.old = received;
    else pace.measured.live = received;
  }
  if (tsFromReceive) return;
  pace.delays = Math.min(pace.delays + 1, MEMORY);
  pace.delayMs += (Math.max(0, received - ts) - pace.delayMs) / pace.delays;
}

function learnInterval(pace: Pace, ms: number): void {
  const taken = pace.intervals < INTERVALS_MIN ? ms : Math.min(ms, pace.intervalMs * GROWTH);
  pace.intervals = Math.min(pace.intervals + 1, MEMORY);
  pace.intervalMs += (taken - pace.intervalMs) / pace.intervals;
}
