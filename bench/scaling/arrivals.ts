import { poisson, randomOf } from "./random.ts";

/** Messages that come to one gateway: to be asked for stretches of time that follow each other. */
export interface Arrivals {
  /** Of [from, to), s: how many, and the sum of the times at which they came. */
  take(from: number, to: number): { readonly count: number; readonly timeSum: number };
}

/** Devices one by one, each with a phase of its own, every `intervalSeconds` with up to `jitter` of it more or less. For thousands of devices. */
export function periodicArrivals(devices: number, intervalSeconds: number, jitter: number, seed: number): Arrivals {
  const random = randomOf(seed);
  const next = Float64Array.from({ length: devices }, () => random() * intervalSeconds);
  return {
    take(_from, to) {
      const taken = { count: 0, timeSum: 0 };
      for (const [device, first] of next.entries()) {
        let at = first;
        for (; at < to; at += intervalSeconds * (1 + jitter * (2 * random() - 1))) {
          taken.count += 1;
          taken.timeSum += at;
        }
        next[device] = at;
      }
      return taken;
    },
  };
}

/**
 * A fleet as one stream: so many devices with phases of their own that what comes in a stretch of time is a Poisson draw, evenly spread over it.
 * For millions of devices, of which no list is kept.
 */
export function streamArrivals(perSecond: number, seed: number): Arrivals {
  const random = randomOf(seed);
  return {
    take(from, to) {
      const count = poisson(perSecond * (to - from), random);
      return { count, timeSum: (count * (from + to)) / 2 };
    },
  };
}
