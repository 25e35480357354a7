import { createRandom } from "../../device-sim/random.ts";
import type { DeviceStream } from "../kills/window-device.ts";

const DAY = 86_400_000;
/** Between two messages, ms: of four devices after one another. The last of them tells of days and weeks long ago. */
const EVERY_MS = [200, 900, 250, 400];
const FAST = EVERY_MS.length - 1;
/** A device that falls silent sends for so long, then not for so long: longer than its type's `idle`. */
const TALKS_MS = 6000;
const SILENT_MS = 5000;
/** Of event time that passes from message to message of a device which tells of long ago. */
const STRIDE_MS = 3 * 3_600_000;
const LONG_AGO_MS = 5 * 365 * DAY;

/**
 * What a device sends, of its seed alone but for the time at which all begins: late, in another order, at the same time again, without the
 * metric, and now and then nothing.
 */
export function randomStream(seed: string, index: number, begunAt: number): DeviceStream {
  const kind = index % EVERY_MS.length;
  const everyMs = EVERY_MS[kind] ?? 1000;
  const silentMs = index % 3 === 0 ? SILENT_MS : 0;
  /** When the n-th message is sent, ms after the beginning. */
  const sentAt = (n: number): number => n * everyMs + Math.floor((n * everyMs) / TALKS_MS) * silentMs;
  const timeOf = (n: number): number => {
    const random = createRandom(`${seed}:${index}:${n}`);
    const share = random.next();
    // At the same time as the message before.
    if (share < 0.05 && n > 0) return timeOf(n - 1);
    const lag = share < 0.65 ? random.between(0, 0.3) : share < 0.9 ? random.between(0, 4) : random.between(0, 12);
    if (kind === FAST) return Math.floor(begunAt - LONG_AGO_MS + n * STRIDE_MS - lag * DAY);
    return Math.floor(begunAt + sentAt(n) - lag * 1000);
  };
  return {
    messageOf(n) {
      const random = createRandom(`${seed}:${index}:${n}:value`);
      const value = Math.floor(random.between(1, 10));
      return { ts: timeOf(n), values: random.next() < 0.1 ? { n, y: value } : { n, x: value } };
    },
    dueWithin(elapsedMs) {
      const cycleMs = TALKS_MS + silentMs;
      const cycles = Math.floor(elapsedMs / cycleMs);
      return Math.floor((cycles * TALKS_MS + Math.min(elapsedMs - cycles * cycleMs, TALKS_MS)) / everyMs);
    },
  };
}
