import { z } from "zod";

const valueSchema = z.union([z.number(), z.boolean(), z.string()]);

/** The value that holds, and one that may take its place, since when; null before the first. */
export const debounceSchema = z
  .object({ value: valueSchema, next: valueSchema.nullable(), since: z.number(), at: z.number() })
  .nullable();
export type Debounced = z.infer<typeof debounceSchema>;

export interface DebounceStep {
  readonly state: Debounced;
  readonly value: number | boolean | string;
  /** True when this reading has changed the value. */
  readonly changed: boolean;
}

/** A value counts when it has been the same for `holdMs` of event time: contacts that bounce, levels that flicker. Late ones are passed over. */
export function debounce(state: Debounced, at: number, value: number | boolean | string, holdMs: number): DebounceStep {
  if (state === null) return { state: { value, next: null, since: at, at }, value, changed: true };
  if (at < state.at) return { state, value: state.value, changed: false };
  if (value === state.value) return { state: { ...state, next: null, since: at, at }, value, changed: false };
  const since = value === state.next ? state.since : at;
  if (at - since < holdMs)
    return { state: { value: state.value, next: value, since, at }, value: state.value, changed: false };
  return { state: { value, next: null, since: at, at }, value, changed: true };
}
