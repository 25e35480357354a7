import { z } from "millrace/function";

/** A meter of six digits begins again at 0. */
const ROLLOVER_KWH = 1_000_000;
/** More than this within a gap is no consumption but a new meter, or a wrong reading. */
const PLAUSIBLE_KWH_PER_HOUR = 500;
const HOUR_MS = 3_600_000;
const QUARTER_MS = HOUR_MS / 4;

/** What a meter sends: a counter that only grows. */
export const meterInput = z.object({ energy_kwh: z.number().nonnegative().max(ROLLOVER_KWH) });

/** A counter when it was read, event time in UTC ms. */
export const counterSchema = z.object({ at: z.number(), kwh: z.number() });
export type Counter = z.infer<typeof counterSchema>;

/** kWh from one reading to a later one; null when that cannot be consumption. */
export function grownBy(before: Counter, now: Counter): number | null {
  const grown = now.kwh >= before.kwh ? now.kwh - before.kwh : now.kwh + ROLLOVER_KWH - before.kwh;
  const hours = (now.at - before.at) / HOUR_MS;
  return grown > Math.max(hours, 0.25) * PLAUSIBLE_KWH_PER_HOUR ? null : grown;
}

/** The quarter of an hour that runs: what was consumed in it, null when nothing is known of it yet. */
export const quarterSchema = z.object({ counter: counterSchema, end: z.number(), kwh: z.number().nullable() });
export type Quarter = z.infer<typeof quarterSchema>;

/** `over`: the quarter before, when the reading is the first behind it; `at` is its last ms. */
interface QuarterStep {
  readonly quarter: Quarter;
  readonly over?: { readonly at: number; readonly kw: number };
}

/** Takes a reading of the counter. One that comes late is part of what is counted already. */
export function addToQuarter(before: Quarter | null, counter: Counter): QuarterStep {
  const end = (Math.floor(counter.at / QUARTER_MS) + 1) * QUARTER_MS;
  if (before === null) return { quarter: { counter, end, kwh: null } };
  if (counter.at <= before.counter.at) return { quarter: before };
  const grown = grownBy(before.counter, counter);
  if (end === before.end) {
    const kwh = grown === null ? before.kwh : (before.kwh ?? 0) + grown;
    return { quarter: { counter, end, kwh } };
  }
  const quarter = { counter, end, kwh: grown };
  if (before.kwh === null) return { quarter };
  return { quarter, over: { at: before.end - 1, kw: Math.round(before.kwh * 4 * 100) / 100 } };
}
