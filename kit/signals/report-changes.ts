import { z } from "zod";

/** The value that was let through last, and when; null before the first. */
export const reportedSchema = z
  .object({ at: z.number(), value: z.union([z.number(), z.boolean(), z.string()]) })
  .nullable();
export type Reported = z.infer<typeof reportedSchema>;

export interface ReportStep {
  readonly state: Reported;
  readonly isNew: boolean;
}

/**
 * Drops repetitions: lets a value through when it differs from the last that was (numbers by more than `deadband`), or when `everyMs` have
 * gone by in event time. What comes late is dropped.
 */
export function reportChanges(
  state: Reported,
  at: number,
  value: number | boolean | string,
  options: { readonly deadband?: number; readonly everyMs?: number } = {},
): ReportStep {
  const { deadband = 0, everyMs = Infinity } = options;
  if (state === null) return { state: { at, value }, isNew: true };
  if (at <= state.at) return { state, isNew: false };
  const known = state.value;
  const differs =
    typeof value === "number" && typeof known === "number" ? Math.abs(value - known) > deadband : value !== known;
  return differs || at - state.at >= everyMs ? { state: { at, value }, isNew: true } : { state, isNew: false };
}
