import { LIMITS } from "../core/limits.ts";
import type { NoisyDevice, SilentDevice } from "./live-protocol.ts";

const ALARM_HORIZON_MS = 3_600_000;
const RATE_HORIZON_MS = 60_000;
const RATE_BUCKETS = 6;
const BUCKET_MS = RATE_HORIZON_MS / RATE_BUCKETS;

export interface Activity {
  /** Readings per ten seconds of receive time; the slot's time says whether it still counts. */
  readonly counts: number[];
  readonly slots: number[];
  readonly alarms: number[];
}

/** How much each device of one tenant says and how often it alarms, over the last minute and hour. */
export class FleetActivity {
  readonly #devices = new Map<string, Activity>();

  countAlarm(device: string, received: number): void {
    const { alarms } = this.of(device);
    alarms.push(received);
    if (alarms.length > LIMITS.recentAlarmsPerDeviceMax) alarms.shift();
  }

  forget(device: string): void {
    this.#devices.delete(device);
  }

  /** The devices that alarmed most within the hour, then those that say most. */
  noisiest(now: number, limit: number): readonly NoisyDevice[] {
    const oldestSlot = Math.floor(now / BUCKET_MS) - RATE_BUCKETS;
    const noisy: NoisyDevice[] = [];
    for (const [device, { counts, slots, alarms }] of this.#devices) {
      while (alarms[0] !== undefined && alarms[0] < now - ALARM_HORIZON_MS) alarms.shift();
      const readingsPerMinute = counts.reduce((sum, n, i) => ((slots[i] ?? 0) > oldestSlot ? sum + n : sum), 0);
      if (alarms.length + readingsPerMinute > 0) noisy.push({ device, alarms: alarms.length, readingsPerMinute });
    }
    noisy.sort((a, b) => b.alarms - a.alarms || b.readingsPerMinute - a.readingsPerMinute);
    return noisy.slice(0, limit);
  }

  /** Of a device. Whoever counts its readings may keep it until the device is forgotten. */
  of(device: string): Activity {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const made: Activity = { counts: zeros(), slots: zeros(), alarms: [] };
    this.#devices.set(device, made);
    return made;
  }
}

/** `received`: of a reading, UTC ms. */
export function countReading({ counts, slots }: Activity, received: number): void {
  const slot = Math.floor(received / BUCKET_MS);
  const index = slot % RATE_BUCKETS;
  if (slots[index] !== slot) {
    slots[index] = slot;
    counts[index] = 0;
  }
  counts[index] = (counts[index] ?? 0) + 1;
}

/** Devices whose last reading came more than `staleAfterMs` ago, the most recently silent first. */
export function silentDevices(
  lastReceived: Iterable<SilentDevice>,
  now: number,
  staleAfterMs: number,
  limit: number,
): readonly SilentDevice[] {
  return [...lastReceived]
    .filter(({ received }) => now - received > staleAfterMs)
    .sort((a, b) => b.received - a.received)
    .slice(0, limit);
}

function zeros(): number[] {
  return Array.from({ length: RATE_BUCKETS }, () => 0);
}
