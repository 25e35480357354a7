import { z } from "zod";

/**
 * What became of a call that its thread did not survive. It depends on the machine, so it is written down before anything that depends
 * on it: a stage that reads it makes the same dead letter as often as it works the record.
 */
export const FATAL_ERROR_CLASSES = ["TimeoutError", "OutOfMemory", "WorkerDied"] as const;
export type FatalErrorClass = (typeof FATAL_ERROR_CLASSES)[number];

export const verdictSchema = z.object({
  offset: z.int().nonnegative(),
  step: z.int().nonnegative(),
  /** Which call of a function within the step, counted from 1. */
  call: z.int().positive(),
  errorClass: z.enum(FATAL_ERROR_CLASSES),
  error: z.string(),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** Which call of a function: of the step of a record, counted from 1. */
export type CallPosition = Pick<Verdict, "offset" | "step" | "call">;

/**
 * Where a stage writes down which call runs, for who watches its thread from outside. Told at the beginning of every call, and at its
 * end with the call around it, 0 when there is none: it must cost next to nothing.
 */
export interface CallMarker {
  mark(partition: number, offset: number, step: number, call: number): void;
}
