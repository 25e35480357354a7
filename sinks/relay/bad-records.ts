import type { BadRecord } from "./plan-relay.ts";

/** What becomes of records that cannot be relayed. */
export interface BadRecords {
  /** True when it is kept elsewhere, durably, and may be passed over. False when `signal` aborts first. SINK_UNAVAILABLE when it cannot be kept now. */
  settle(bad: BadRecord, signal: AbortSignal): Promise<boolean>;
}
