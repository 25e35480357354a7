import { z } from "zod";

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
  const { wrapsAt } = options;
  const increase =
    value >= state.value ? value - state.value : wrapsAt === undefined ? value : wrapsAt - state.value + value;
  return { state: { at, value }, increase, perSecond: (increase * 1000) / (at - state.at) };
}
