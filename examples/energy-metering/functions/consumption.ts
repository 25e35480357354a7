import { defineStream, z } from "millrace/function";

/** A meter of six digits begins again at 0. */
const ROLLOVER_KWH = 1_000_000;
/** More than this within a gap is no consumption but a new meter, or a wrong reading. */
const PLAUSIBLE_KWH_PER_HOUR = 500;

/** What was consumed since the reading before, of a counter that only grows. */
export const consumption = defineStream({
  name: "consumption",
  input: z.object({ energy_kwh: z.number().nonnegative().max(ROLLOVER_KWH) }),
  state: z.object({ at: z.number(), kwh: z.number() }).nullable(),
  initial: () => null,
  process({ ts, metrics: { energy_kwh: kwh } }, before, context) {
    if (before === null) return { state: { at: ts, kwh } };
    // A counter that comes late is part of what is counted already.
    if (ts <= before.at) return undefined;
    const state = { at: ts, kwh };
    const grown = kwh >= before.kwh ? kwh - before.kwh : kwh + ROLLOVER_KWH - before.kwh;
    const hours = (ts - before.at) / 3_600_000;
    if (grown > Math.max(hours, 0.25) * PLAUSIBLE_KWH_PER_HOUR) {
      context.event(`the meter went from ${before.kwh} to ${kwh} kWh: exchanged, or read wrongly`);
      return { state };
    }
    const consumed = Math.round(grown * 1000) / 1000;
    return { state, emit: { consumed_kwh: consumed, mean_kw: Math.round((grown / hours) * 100) / 100 } };
  },
});
