import type { DeadLetter } from "./derived-records.ts";

/** Which dead letters of a tenant. */
export interface DeadLetterFilter {
  readonly tenant: string;
  readonly device?: string;
  readonly function?: string;
  readonly errorClass?: string;
  /** Receive time of the record [from, to), UTC ms. */
  readonly from: number;
  readonly to: number;
}

/** The last dead letter of a record and function, and what was done about it. */
export interface QueuedDeadLetter extends DeadLetter {
  /** How often the function has failed on the record. */
  readonly failures: number;
  /** How often the record was run again. */
  readonly redrives: number;
  /** Of a whole step: the stage in which it failed, by its name in the log. */
  readonly stage?: string;
}

/** Where a list goes on: behind this dead letter. */
export type DeadLetterPlace = Pick<DeadLetter, "received" | "function" | "source">;

/** Dead letters as something to be dealt with: asked by api, answered by sinks/clickhouse. Errors: SINK_UNAVAILABLE, INVALID_INPUT. */
export interface DeadLetterQueue {
  /** Newest first. */
  list(query: DeadLetterFilter & { readonly limit: number }): Promise<readonly QueuedDeadLetter[]>;
  /** Those that can be run again, oldest first. */
  redrivable(
    query: DeadLetterFilter & { readonly limit: number; readonly after?: DeadLetterPlace },
  ): Promise<readonly QueuedDeadLetter[]>;
  counts(filter: DeadLetterFilter): Promise<DeadLetterCounts>;
}

/** Each dead letter is in one of these. */
export interface DeadLetterCounts {
  /** Can be run again. */
  readonly redrivable: number;
  /** Were run again, and have not failed since: some may be under way. */
  readonly redriven: number;
  /** Have failed as often as they may be run again. */
  readonly exhausted: number;
  /** Of timers and control records: there is no record to be run again. And of canaries: the live version has run. */
  readonly withoutRecord: number;
}
