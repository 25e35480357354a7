import { z } from "zod";
import { functionNameSchema, timeSchema } from "./schemas.ts";

/** What is to be recomputed. */
export interface ReplayRequest {
  readonly function: string;
  /** Null: the live one. */
  readonly version: number | null;
  /** Event time [from, to), UTC ms. */
  readonly from: number;
  readonly to: number;
  /** Counts what would be corrected, and corrects nothing. */
  readonly dryRun: boolean;
}

const count = z.int().nonnegative();

/** How a replay stands, and what it has found so far. */
export const replayStatusSchema = z.object({
  function: functionNameSchema,
  version: z.int().positive(),
  from: timeSchema,
  to: timeSchema,
  dryRun: z.boolean(),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  /** Why it failed; null unless it has. */
  error: z.string().nullable(),
  startedAt: timeSchema,
  endedAt: timeSchema.nullable(),
  partitions: count,
  partitionsDone: count,
  /** Records read, warming up included. */
  records: count,
  /** Results of the range: readings, and windows. */
  results: count,
  corrections: z.object({ changed: count, added: count, withdrawn: count }),
  /** Windows that were left as they are, because the live version may still revise them. */
  openWindows: count,
  /** Readings on which the version throws. */
  deadLetters: count,
  /** Of the range's results, partition by partition: the same when the same range is replayed again. Null before the end. */
  hash: z.string().nullable(),
});
export type ReplayStatus = z.infer<typeof replayStatusSchema>;

/** Recomputes what a function made of the past, and corrects it. One at a time. */
export interface Replays {
  /** Resolves when it has begun. NOT_FOUND, INVALID_INPUT; LIMIT_EXCEEDED while another one runs. */
  start(request: ReplayRequest): Promise<ReplayStatus>;
  /** The one that runs, or the last one of this process; null when there was none. */
  status(): Promise<ReplayStatus | null>;
  /** Resolves when it has ended. What it has corrected stays. NOT_FOUND when none runs. */
  cancel(): Promise<ReplayStatus>;
}
