import { calendar, defineStream, z } from "millrace/function";
import { addToQuarter, meterInput, quarterSchema } from "../meter.ts";

/** The greatest quarter-hour demand of a month, and of the month so far each hour: the demand charge goes by it. */
export const monthlyPeak = defineStream({
  name: "monthly-peak",
  input: meterInput,
  window: calendar("month", "Europe/Berlin"),
  early: "1h",
  accumulator: z.object({
    quarter: quarterSchema.nullable(),
    peak: z.object({ at: z.number(), kw: z.number() }).nullable(),
  }),
  initial: () => ({ quarter: null, peak: null }),
  add({ quarter: before, peak }, { ts, metrics: { energy_kwh: kwh } }) {
    const { quarter, over } = addToQuarter(before, { at: ts, kwh });
    return { quarter, peak: over !== undefined && over.kw > (peak?.kw ?? 0) ? over : peak };
  },
  result: ({ peak }) => ({ peak_kw: peak?.kw, peak_at: peak === null ? undefined : new Date(peak.at).toISOString() }),
});
