import type { TimeRange } from "../functions/history/reading-history.ts";
import type { ReplayConfiguration } from "./partition-replay.ts";

/** A replay with all that it needs from the registry. Goes through `workerData`. */
export interface ReplayJob {
  readonly name: string;
  readonly version: number;
  /** Null of a stock function. */
  readonly code: string | null;
  /** Where the function runs. */
  readonly stage: string;
  readonly range: TimeRange;
  readonly dryRun: boolean;
  readonly configuration: ReplayConfiguration;
  /** Receive time, UTC ms. */
  readonly now: number;
}
