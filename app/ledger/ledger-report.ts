import { addOutcomes, noOutcomes, settledMessages } from "../../core/ledger.ts";
import type { LogStatus } from "../../core/event-log.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { LedgerReport } from "../../core/overview.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";
import type { QuietSample } from "./quiet-sample.ts";

/** All keys and threads added up. */
export function sumTotals(totals: readonly StageTotals[]): Outcomes {
  const sum = noOutcomes();
  for (const thread of totals) for (const outcomes of thread.totals.values()) addOutcomes(sum, outcomes);
  return sum;
}

/**
 * The message equation. Admitted comes from offsets (every telemetry offset is a message or a control record), in flight from offsets
 * not yet processed, the outcomes from what the stage counted: three separate sources. `totals` must have been taken before `status`.
 */
export function messageLedger(totals: readonly StageTotals[], status: LogStatus): LedgerReport["messages"] {
  const { processed, duplicate, quarantined, deadLettered, expired, corrupt, ...rest } = sumTotals(totals);
  const next = new Map(totals.flatMap((t) => t.partitions.map((p) => [p.partition, p.nextOffset] as const)));
  let end = 0;
  let inFlight = 0;
  for (const partition of status.partitions) {
    if (partition.topic !== "telemetry") continue;
    end += partition.endOffset;
    inFlight += partition.endOffset - (next.get(partition.partition) ?? 0);
  }
  const admitted = end - rest.control;
  const outcomes = { processed, duplicate, quarantined, deadLettered, expired, corrupt };
  return {
    admitted,
    ...outcomes,
    inFlight,
    difference: admitted - settledMessages({ ...outcomes, ...rest }) - inFlight,
  };
}

/** The value equation of a quiet sample. */
export function valueLedger(sample: QuietSample): LedgerReport["values"] {
  const { valuesProduced, valuesQuarantined, valuesFiltered } = sumTotals(sample.totals);
  const stored = sample.tally?.readingRows ?? 0;
  const inFlight = [...sample.valuesInFlight.values()].reduce((sum, values) => sum + values, 0);
  const checked = sample.tally !== null;
  return {
    produced: valuesProduced,
    stored,
    filtered: valuesFiltered,
    quarantined: valuesQuarantined,
    inFlight,
    difference: checked ? valuesProduced - stored - valuesFiltered - valuesQuarantined - inFlight : 0,
    checked,
  };
}
