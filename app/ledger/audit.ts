import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { addOutcomes, noOutcomes, settledMessages } from "../../core/ledger.ts";
import { JOURNALS } from "../journals.ts";
import { endsOf, takeCut, untilReached } from "./ledger-cut.ts";
import { messageLedger, sumTotals, valueLedger } from "./ledger-report.ts";
import { countMessages } from "./log-scan.ts";
import type { AuditReport, DeviceMismatch } from "../../core/audit-report.ts";
import type { StoredReadings } from "../../core/history.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { LedgerCut } from "./ledger-cut.ts";
import type { LedgerSources } from "./ledger-sources.ts";

/** What the tables lack of the cut must come within this time. */
const TABLES_WAIT_MS = 10 * 60_000;
/** Retention may delete what is being counted, and a device may be removed: then it is counted once more. */
const TRIES = 5;

/**
 * Proves the ledger at a cut through the running system, from the log and the tables, per device. Reads all of `telemetry` that retention
 * has left. TIMED_OUT when stage or tables do not come up to the cut.
 */
export async function audit(sources: LedgerSources, now: number): Promise<AuditReport> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const cut = await takeCut(sources);
      const admitted = await admittedByKey(sources, cut);
      const stored = await storedAt(sources, cut);
      if (stored !== "changed") return reportOf(cut, admitted, stored, now);
    } catch (error) {
      if (!isMillraceError(error, "OFFSET_OUT_OF_RANGE") || attempt >= TRIES) throw error;
    }
    if (attempt >= TRIES) {
      throw new MillraceError("TIMED_OUT", "devices were removed each time that the tables were counted", {
        remedy: "Try again when no device is being removed.",
      });
    }
  }
}

function reportOf(
  cut: LedgerCut,
  admitted: ReadonlyMap<string, number>,
  stored: StoredReadings | null,
  now: number,
): AuditReport {
  const outcomes = outcomesByKey(cut);
  const mismatches = findMismatches(admitted, outcomes, stored);
  const sum = sumTotals(cut.totals);
  const ledger = {
    messages: messageLedger(cut.totals, cut.status),
    values: valueLedger(cut.totals, stored === null ? null : { rows: stored.rows, inFlight: 0 }),
    late: { dropped: sum.lateDropped, forAlarm: sum.lateForAlarm },
  };
  const storedOnce = stored === null ? null : stored.rows === stored.distinct;
  const balanced =
    ledger.messages.difference === 0 &&
    ledger.values.difference === 0 &&
    mismatches.length === 0 &&
    storedOnce !== false;
  return { at: now, ledger, devices: outcomes.size, mismatches, storedOnce, balanced };
}

/**
 * What the tables hold of the cut, once they have come up to it. Null without tables. A removal that came after the cut takes rows away
 * that the cut has: "changed".
 */
async function storedAt(sources: LedgerSources, cut: LedgerCut): Promise<StoredReadings | null | "changed"> {
  const history = sources.history();
  if (history === null) return null;
  const wanted = [...endsOf(cut.status, "readings"), ...endsOf(cut.status, "device-events")];
  const deadline = performance.now() + TABLES_WAIT_MS;
  if ((await untilReached(sources.log, JOURNALS.clickhouse, wanted, deadline)) === null) {
    throw new MillraceError("TIMED_OUT", "the tables do not come up to what the stage has made", {
      remedy: "See /readyz for what keeps them, and try again.",
    });
  }
  const stored = await history.stored({
    stage: sources.stage,
    firstGeneration: sources.firstGeneration,
    bounds: cut.bounds,
  });
  const erasures = await sources.erasures();
  const isLater = erasures.some(
    ({ until }) => until.stage === sources.stage && until.offset >= (cut.bounds[until.partition] ?? 0),
  );
  return isLater ? "changed" : stored;
}

/** Messages per key before the cut: those still in the log, and those that retention deleted. */
async function admittedByKey({ log }: LedgerSources, { status, bounds }: LedgerCut): Promise<Map<string, number>> {
  const counts = new Map(Object.entries(status.deletedTelemetry));
  const ranges = status.partitions
    .filter(({ topic }) => topic === "telemetry")
    .map(({ topic, partition, startOffset }) => ({
      topic,
      partition,
      offset: startOffset,
      end: bounds[partition] ?? 0,
    }));
  await countMessages(log, ranges, counts);
  return counts;
}

function outcomesByKey({ totals: all }: LedgerCut): Map<string, Outcomes> {
  const merged = new Map<string, Outcomes>();
  for (const { totals } of all) {
    for (const [key, outcomes] of totals) {
      if (key === "") continue;
      const sum = merged.get(key) ?? noOutcomes();
      addOutcomes(sum, outcomes);
      merged.set(key, sum);
    }
  }
  return merged;
}

function findMismatches(
  admitted: ReadonlyMap<string, number>,
  outcomes: ReadonlyMap<string, Outcomes>,
  stored: StoredReadings | null,
): DeviceMismatch[] {
  const mismatches: DeviceMismatch[] = [];
  for (const key of new Set([...admitted.keys(), ...outcomes.keys(), ...Object.keys(stored?.byKey ?? {})])) {
    const counted = outcomes.get(key) ?? noOutcomes();
    const settled = settledMessages(counted);
    const valuesExpected = counted.valuesProduced - counted.valuesFiltered - counted.valuesQuarantined;
    const valuesStored = stored === null ? valuesExpected : (stored.byKey[key] ?? 0);
    if (settled !== (admitted.get(key) ?? 0) || valuesExpected !== valuesStored) {
      mismatches.push({ key, admitted: admitted.get(key) ?? 0, settled, valuesExpected, valuesStored });
    }
  }
  return mismatches;
}
