import { calendar, defineStream, z } from "millrace/function";

/** The greatest quarter-hour demand of a month, and of the month so far each hour: the demand charge goes by it. */
export const monthlyPeak = defineStream({
  name: "monthly-peak",
  input: z.object({ demand_kw: z.number() }),
  window: calendar("month", "Europe/Berlin"),
  early: "1h",
  accumulator: z.object({ peak: z.number(), at: z.number() }),
  initial: () => ({ peak: 0, at: 0 }),
  add: (acc, { ts, metrics: { demand_kw: demand } }) => (demand > acc.peak ? { peak: demand, at: ts } : acc),
  result: ({ peak, at }) => ({ peak_kw: peak, peak_at: new Date(at).toISOString() }),
});
