import { z } from "zod";
import { metricValueSchema } from "./schemas.ts";

const count = z.int().nonnegative();

/** What two versions of a function would have put out over the same readings, both begun with no state. */
export const versionComparisonSchema = z.object({
  function: z.string(),
  /** Null where nothing is live to compare with. */
  before: count.nullable(),
  /** Null of code that has no number yet. */
  after: count.nullable(),
  /** Receive time [from, to) of the readings, UTC ms: less than was asked for where there were too many. */
  from: z.int(),
  to: z.int(),
  readings: count,
  deadLettersBefore: count,
  deadLettersAfter: count,
  /** What the later version failed with; each fault once. */
  faults: z.array(z.object({ error: z.string(), device: z.string(), count })),
  /** Values of derived readings, by device, time and metric. */
  equal: count,
  changed: count,
  onlyAfter: count,
  onlyBefore: count,
  examples: z.array(
    z.object({
      device: z.string(),
      ts: z.int(),
      metric: z.string(),
      before: metricValueSchema.nullable(),
      after: metricValueSchema.nullable(),
    }),
  ),
});
export type VersionComparison = z.infer<typeof versionComparisonSchema>;

/** What versions of functions would have made of the last minutes. Errors: TIMED_OUT, LIMIT_EXCEEDED, FUNCTION_INVALID. */
export interface ShadowReplay {
  /** The functions of this name that the code exports, against those that are live; those of which none is are left out. */
  ofCode(code: string, names: readonly string[], lastMs: number): Promise<readonly VersionComparison[]>;
  /**
   * Two versions. Null: `after` the canary, if one runs, else what is live; `before` the version before that, or what is live beside the canary.
   * NOT_FOUND.
   */
  ofVersions(name: string, before: number | null, after: number | null, lastMs: number): Promise<VersionComparison>;
}
