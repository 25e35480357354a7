import type { DeadLetter, Quarantined, QuarantineReason } from "./derived-records.ts";

/**
 * What did not become a reading, and what functions failed on: bounded questions to the tables, asked by api and answered by
 * sinks/clickhouse, newest first. Errors: SINK_UNAVAILABLE, INVALID_INPUT.
 */
export interface Rejects {
  quarantine(query: RejectQuery & { readonly reason?: QuarantineReason }): Promise<readonly QuarantinedMessage[]>;
  deadLetters(query: RejectQuery): Promise<readonly DeadLetter[]>;
  /** How many there are of users' functions: all but those of messages, which the ledger counts. */
  functionDeadLetters(tenant: string): Promise<number>;
}

export interface RejectQuery {
  readonly tenant: string;
  /** All devices of the tenant when absent. */
  readonly device?: string;
  /** Receive time [from, to), UTC ms: event times are often what is wrong. */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

/** With the message of the stage's input that it came from. */
export type QuarantinedMessage = Quarantined & {
  readonly source: { readonly partition: number; readonly offset: number };
};
