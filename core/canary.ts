import { z } from "zod";

/** Shares are counted in parts of this: 1,000 are 10 %. */
export const WHOLE_SHARE = 10_000;

/**
 * A version that runs beside the one that is live, for a share of the devices: for these its outputs leave, and those of the live one are
 * held back. A `deploy` record with it begins it, or gives it a greater share. One that makes its version the function's makes what it keeps the
 * function's; any other drops that.
 */
export const canarySchema = z.object({
  version: z.int().positive(),
  /** SHA-256 of the code, in hex. */
  hash: z.string(),
  code: z.string(),
  share: z.int().min(1).max(WHOLE_SHARE),
});
export type Canary = z.infer<typeof canarySchema>;

const SUFFIX = "@canary";

/** Under this name a function's canary keeps its state and has its dead letters: no function can have it. */
export function canaryName(fn: string): string {
  return fn + SUFFIX;
}

export function isCanaryName(name: string): boolean {
  return name.endsWith(SUFFIX);
}

/**
 * What came of one call that both versions had. Outputs: `same`; `different`; of one only; of none, `silent`. `canaryFailed`: only the
 * canary threw; `canaryFatal`: its thread did not survive it; `liveFailed`: only the live one threw.
 */
export const CANARY_OUTCOMES = [
  "same",
  "different",
  "onlyLive",
  "onlyCanary",
  "silent",
  "canaryFailed",
  "canaryFatal",
  "liveFailed",
  "bothFailed",
] as const;
export type CanaryOutcome = (typeof CANARY_OUTCOMES)[number];

export const canaryCountsSchema = z.record(z.enum(CANARY_OUTCOMES), z.int().nonnegative());
/** Calls by what came of them. */
export type CanaryCounts = Readonly<z.infer<typeof canaryCountsSchema>>;

export function noCanaryCounts(): Record<CanaryOutcome, number> {
  return {
    same: 0,
    different: 0,
    onlyLive: 0,
    onlyCanary: 0,
    silent: 0,
    canaryFailed: 0,
    canaryFatal: 0,
    liveFailed: 0,
    bothFailed: 0,
  };
}
