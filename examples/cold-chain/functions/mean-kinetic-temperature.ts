import { calendar, defineStream, z } from "millrace/function";

/** Heat of activation over the gas constant, K: 83.144 kJ/mol over 8.3144 J/(mol·K), as USP ⟨1160⟩ takes it. */
const ACTIVATION_K = 10_000;
const ZERO_C_IN_K = 273.15;

/** The one temperature that would have done to the goods what a day's temperatures did, °C. Days are those of the warehouse. */
export const meanKineticTemperature = defineStream({
  name: "mean-kinetic-temperature",
  input: z.object({ temperature: z.number().min(-60).max(100) }),
  select: { type: "cold-room" },
  window: calendar("day", "Europe/Berlin"),
  allowedLateness: "6h",
  accumulator: z.object({ sum: z.number(), readings: z.number() }),
  initial: () => ({ sum: 0, readings: 0 }),
  add: ({ sum, readings }, { metrics: { temperature } }) => ({
    sum: sum + Math.exp(-ACTIVATION_K / (temperature + ZERO_C_IN_K)),
    readings: readings + 1,
  }),
  result({ sum, readings }) {
    const mkt = ACTIVATION_K / -Math.log(sum / readings) - ZERO_C_IN_K;
    return { mkt: Math.round(mkt * 100) / 100, mkt_readings: readings };
  },
});
