import { defineStream, tumbling, z } from "millrace/function";

/** Mean power of each quarter of an hour, kW: what grid operators charge by. Takes what `consumption` derives. */
export const quarterHourDemand = defineStream({
  name: "quarter-hour-demand",
  input: z.object({ consumed_kwh: z.number() }),
  window: tumbling("15min"),
  allowedLateness: "1d",
  accumulator: z.object({ kwh: z.number() }),
  initial: () => ({ kwh: 0 }),
  add: ({ kwh }, { metrics: { consumed_kwh } }) => ({ kwh: kwh + consumed_kwh }),
  result: ({ kwh }) => ({ demand_kw: Math.round(kwh * 4 * 100) / 100 }),
});
