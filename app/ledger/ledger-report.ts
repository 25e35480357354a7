import { addOutcomes, noOutcomes, settledMessages } from "../../core/ledger.ts";
import type { LogStatus } from "../../core/event-log.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { LedgerReport } from "../../core/overview.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";

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

/** The value equation at a cut. `stored` is null when nobody could say. */
export function valueLedger(
  totals: readonly StageTotals[],
  stored: { readonly rows: number; readonly inFlight: number } | null,
): LedgerReport["values"] {
  const { valuesProduced: produced, valuesQuarantined: quarantined, valuesFiltered: filtered } = sumTotals(totals);
  if (stored === null)
    return { produced, stored: 0, filtered, quarantined, inFlight: 0, difference: 0, checked: false };
  const { rows, inFlight } = stored;
  const difference = produced - rows - filtered - quarantined - inFlight;
  return { produced, stored: rows, filtered, quarantined, inFlight, difference, checked: true };
}
