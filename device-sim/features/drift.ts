import type { SignalFeature } from "./feature.ts";

const DAY_MS = 86_400_000;
/** Sensors are calibrated again after this long, which ends their drift. */
const CALIBRATION_MS = 30 * DAY_MS;

/** A sensor that ages: its error grows by a share of the metric's daily drift until the next calibration. */
export const drift: SignalFeature = (metric, { random, startAt }) => {
  const perDay = metric.driftPerDay * random.between(0.5, 1);
  return (at) => (perDay * ((at - startAt) % CALIBRATION_MS)) / DAY_MS;
};
