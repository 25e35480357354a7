import type { Outcomes } from "./ledger.ts";

/** What the dashboard's first page and `GET /api/v1/overview` show. Made by app once a second from the log's status and counters. */
export interface Overview {
  readonly at: number;
  /** The pipeline as a flow, in order: in, processors, clickhouse, notify. */
  readonly hops: readonly Hop[];
  readonly ledger: LedgerReport;
  readonly devices: { readonly total: number; readonly reporting: number; readonly silent: number };
  readonly alarms: { readonly active: number; readonly total: number };
  /** Of users' functions: they are not in the ledger, whose messages were processed before. Null while nobody has counted them, or nothing stores them. */
  readonly functions: { readonly deadLetters: number | null };
  /** The platform's own faults: lag, disk, a sink that is down. Empty when all is well. */
  readonly faults: readonly Fault[];
}

/** More records behind than these, and a hop lags. */
export const LAGGING_RECORDS = 5000;

export interface Hop {
  readonly name: string;
  /** Records per second over the last seconds. */
  readonly ratePerSecond: number;
  /** Records behind the durable end of what it reads; 0 for the first hop. */
  readonly lag: number;
  readonly state: "ok" | "lagging" | "stopped" | "off";
}

export interface Fault {
  /** Stable while the fault lasts. */
  readonly id: string;
  readonly since: number;
  readonly text: string;
}

/** See ledger.ts for the two equations. A difference that is not 0 is a bug or a damaged disk. */
export interface LedgerReport {
  readonly messages: Pick<
    Outcomes,
    "processed" | "duplicate" | "quarantined" | "deadLettered" | "expired" | "corrupt"
  > & {
    readonly admitted: number;
    readonly inFlight: number;
    readonly difference: number;
  };
  readonly values: {
    readonly produced: number;
    readonly stored: number;
    readonly filtered: number;
    readonly quarantined: number;
    readonly inFlight: number;
    readonly difference: number;
    /** False when nothing stores readings (--no-clickhouse): the value equation is not checked then. */
    readonly checked: boolean;
  };
  readonly late: { readonly dropped: number; readonly forAlarm: number };
}
