import { defineStream } from "millrace/function";
import { counterSchema, grownBy, meterInput } from "../meter.ts";

/** What was consumed since the reading before, of a counter that only grows. */
export const consumption = defineStream({
  name: "consumption",
  input: meterInput,
  state: counterSchema.nullable(),
  initial: () => null,
  process({ ts, metrics: { energy_kwh: kwh } }, before, context) {
    const state = { at: ts, kwh };
    if (before === null) return { state };
    // A counter that comes late is part of what is counted already.
    if (ts <= before.at) return undefined;
    const grown = grownBy(before, state);
    if (grown === null) {
      context.event(`the meter went from ${before.kwh} to ${kwh} kWh: exchanged, or read wrongly`);
      return { state };
    }
    const hours = (ts - before.at) / 3_600_000;
    const consumed = Math.round(grown * 1000) / 1000;
    return { state, emit: { consumed_kwh: consumed, mean_kw: Math.round((grown / hours) * 100) / 100 } };
  },
});
