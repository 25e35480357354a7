import { z } from "zod";

/** The newest value and its event time, UTC ms; null before the first. */
export const deltaSchema = z.object({ at: z.number(), value: z.number() }).nullable();
export type Delta = z.infer<typeof deltaSchema>;

export interface DeltaStep {
  readonly state: Delta;
  /** By how much the value has changed. Undefined for the first, and for one that is not newer. */
  readonly change?: number;
  /** ms since the value before. */
  readonly elapsedMs?: number;
}

/** Change from one value to the next, in event time: what comes late is passed over. */
export function delta(state: Delta, at: number, value: number): DeltaStep {
  if (state === null) return { state: { at, value } };
  if (at <= state.at) return { state };
  return { state: { at, value }, change: value - state.value, elapsedMs: at - state.at };
}
