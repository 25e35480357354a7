import type { SignalFeature } from "./feature.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A day's rise and fall, greatest at the metric's peak hour (UTC), up to half an hour off per device. */
export const dailyCurve: SignalFeature = (metric, { random }) => {
  const peakAt = metric.peakHour * HOUR_MS + random.between(-0.5, 0.5) * HOUR_MS;
  return (at) => metric.dailySwing * Math.cos((2 * Math.PI * (at - peakAt)) / DAY_MS);
};
