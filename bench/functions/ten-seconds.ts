import { defineStream, tumbling, z } from "millrace/function";

export const tenSeconds = defineStream({
  name: "ten-seconds",
  input: z.object({ temperature: z.number() }),
  window: tumbling("10s"),
  accumulator: z.object({ count: z.number(), sum: z.number(), max: z.number() }),
  initial: () => ({ count: 0, sum: 0, max: -1e9 }),
  add: ({ count, sum, max }, { metrics: { temperature } }) => ({
    count: count + 1,
    sum: sum + temperature,
    max: Math.max(max, temperature),
  }),
  result: ({ sum, count, max }) => ({ mean: sum / count, max }),
});
