import type { Duration } from "./durations.ts";

/** How readings are put into windows. Made by `tumbling` and its like. */
export interface TumblingWindow {
  readonly kind: "tumbling";
  readonly size: Duration;
}

/** Windows of one size, one after the other, counted from 1970 in UTC: 00:00, 01:00, … for "1h". */
export function tumbling(size: Duration): TumblingWindow {
  return Object.freeze({ kind: "tumbling", size });
}
