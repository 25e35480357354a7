import { defineStream, hopping, z } from "millrace/function";

/** Mean, peak and spread of the vibration of the last ten minutes, each minute. A worn bearing shows in the spread first. */
export const vibrationTrend = defineStream({
  name: "vibration-trend",
  input: z.object({ vibration: z.number(), running: z.literal(true) }),
  window: hopping("10min", "1min"),
  accumulator: z.object({ readings: z.number(), mean: z.number(), squares: z.number(), peak: z.number() }),
  initial: () => ({ readings: 0, mean: 0, squares: 0, peak: 0 }),
  // Welford (1962): sums of squares lose all digits where the spread is small.
  add({ readings, mean, squares, peak }, { metrics: { vibration } }) {
    const next = mean + (vibration - mean) / (readings + 1);
    return {
      readings: readings + 1,
      mean: next,
      squares: squares + (vibration - mean) * (vibration - next),
      peak: Math.max(peak, vibration),
    };
  },
  result({ readings, mean, squares, peak }) {
    if (readings < 3) return undefined;
    const deviation = Math.sqrt(squares / (readings - 1));
    return { vibration_mean: rounded(mean), vibration_peak: rounded(peak), vibration_deviation: rounded(deviation) };
  },
});

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
