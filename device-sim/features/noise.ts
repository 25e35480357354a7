import type { SignalFeature } from "./feature.ts";

/** How much of a sample's noise stays in the next one: real sensors do not jump about freely. */
const MEMORY = 0.6;

/** Measurement noise with the metric's standard deviation. */
export const noise: SignalFeature = (metric, { random }) => {
  let level = 0;
  const fresh = Math.sqrt(1 - MEMORY * MEMORY);
  return () => {
    level = MEMORY * level + fresh * random.normal();
    return metric.noise * level;
  };
};
