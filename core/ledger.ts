/**
 * The ledger. Per message: admitted = processed + duplicate + quarantined + deadLettered + expired + corrupt + in flight.
 * Per metric value: produced = stored + filtered + quarantined + in flight. Counts are part of each commit unit, per device key; of what
 * is joined, under the empty key.
 */
export interface Outcomes {
  /** Messages. Each admitted message adds one to exactly one of these six. */
  processed: number;
  duplicate: number;
  quarantined: number;
  deadLettered: number;
  /** Reserved, and always 0 yet: for messages whose sender gave them a time to live. */
  expired: number;
  corrupt: number;
  /** Metric values that `clean` found in messages that were not duplicates. */
  valuesProduced: number;
  valuesQuarantined: number;
  valuesFiltered: number;
  /** Control records, and records that a stage passes by, under the empty key. Not part of the sums: they let offsets be compared with counts. */
  control: number;
  /** Readings too late for their window, and readings too late for alarms. Not part of the sums: those readings are stored. */
  lateDropped: number;
  lateForAlarm: number;
}

/** Counts of the partition: corrupt and control records belong to no device. */
export const NO_KEY = "";

export const MESSAGE_OUTCOMES = [
  "processed",
  "duplicate",
  "quarantined",
  "deadLettered",
  "expired",
  "corrupt",
] as const;
export type MessageOutcome = (typeof MESSAGE_OUTCOMES)[number];
export type OutcomeName = keyof Outcomes;

export function noOutcomes(): Outcomes {
  return {
    processed: 0,
    duplicate: 0,
    quarantined: 0,
    deadLettered: 0,
    expired: 0,
    corrupt: 0,
    valuesProduced: 0,
    valuesQuarantined: 0,
    valuesFiltered: 0,
    control: 0,
    lateDropped: 0,
    lateForAlarm: 0,
  };
}

export const OUTCOME_NAMES = Object.keys(noOutcomes()) as readonly OutcomeName[];

/** The sum of the six message outcomes. */
export function settledMessages(outcomes: Outcomes): number {
  return MESSAGE_OUTCOMES.reduce((sum, name) => sum + outcomes[name], 0);
}

/** Adds `more` to `total` in place. */
export function addOutcomes(total: Outcomes, more: Partial<Outcomes>): void {
  for (const name of OUTCOME_NAMES) total[name] += more[name] ?? 0;
}
