import type { Clock } from "../../core/clock.ts";

/** Fractions of a millisecond for a clock that has none: `monotonicMs` carries on between its ticks, and never leaves the millisecond that it says. */
export function anchoredClock(clock: Clock, monotonicMs: () => number): Clock {
  let offset = Number.NaN;
  return {
    now() {
      const whole = clock.now();
      const mono = monotonicMs();
      const now = mono + offset;
      if (now >= whole && now < whole + 1) return now;
      offset = whole - mono;
      return whole;
    },
  };
}
