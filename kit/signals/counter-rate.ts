import { z } from "zod";
import { finite } from "../../core/finite.ts";

/** The last value of a counter and its event time, UTC ms; null before the first. */
export const counterSchema = z.object({ at: z.number(), value: z.number() }).nullable();
export type Counter = z.infer<typeof counterSchema>;

export interface CounterStep {
  readonly state: Counter;
  /** Since the value before. Undefined for the first value, and for one that is not newer. */
  readonly increase?: number;
  /** Increase per second. */
  readonly perSecond?: number;
}

/**
 * How fast a counter counts: an energy meter, packets, strokes. A value below the one before is a reset: it counted from 0 again, or, when
 * `wrapsAt` is given (2 ** 32), ran over.
 */
export function counterRate(
  state: Counter,
  at: number,
  value: number,
  options: { readonly wrapsAt?: number } = {},
): CounterStep {
  if (state === null) return { state: { at, value } };
  if (at <= state.at) return { state };
  const increase = finite(increaseOf(state.value, value, options.wrapsAt));
  return { state: { at, value }, increase, perSecond: finite((increase * 1000) / (at - state.at)) };
}

function increaseOf(last: number, value: number, wrapsAt: number | undefined): number {
  if (value >= last) return value - last;
  // A counter that wraps there never shows so much: it was another one.
  return wrapsAt === undefined || last >= wrapsAt ? value : wrapsAt - last + value;
}
