import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { addOutcomes, noOutcomes, settledMessages } from "../../core/ledger.ts";
import { messageLedger, sumTotals, valueLedger } from "./ledger-report.ts";
import { countMessages } from "./log-scan.ts";
import { takeQuietSample } from "./quiet-sample.ts";
import type { AuditReport, DeviceMismatch } from "../../core/audit-report.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { LedgerSources, QuietSample } from "./quiet-sample.ts";

const SAMPLE_TRIES = 100;
const SAMPLE_PAUSE_MS = 50;

/**
 * Proves the ledger from the log and the tables, per device. Reads all of `telemetry` that retention has left. TIMED_OUT when the
 * system was never still for the few milliseconds that a sample takes.
 */
export async function audit(sources: LedgerSources, now: number): Promise<AuditReport> {
  const sample = await stillSample(sources);
  const admitted = await admittedByKey(sources, sample);
  const outcomes = outcomesByKey(sample);
  const mismatches = findMismatches(sample, admitted, outcomes);
  const sum = sumTotals(sample.totals);
  const ledger = {
    messages: messageLedger(sample.totals, sample.status),
    values: valueLedger(sample),
    late: { dropped: sum.lateDropped, forAlarm: sum.lateForAlarm },
  };
  const storedOnce = sample.tally === null ? null : sample.tally.readingRows === sample.tally.readingDistinct;
  const balanced =
    ledger.messages.difference === 0 &&
    ledger.values.difference === 0 &&
    mismatches.length === 0 &&
    storedOnce !== false;
  return { at: now, ledger, devices: outcomes.size, mismatches, storedOnce, balanced };
}

/**
 * Rows stand in the table a moment before the sink's journal says so, so a sample taken just then shows a difference that is none.
 * A real one is in every sample.
 */
async function stillSample(sources: LedgerSources): Promise<QuietSample> {
  let latest: QuietSample | null = null;
  for (let attempt = 0; attempt < SAMPLE_TRIES; attempt += 1) {
    const look = await takeQuietSample(sources, false);
    if (look !== null && valueLedger(look).difference === 0) {
      latest = (await takeQuietSample(sources, true)) ?? latest;
      if (latest !== null && valueLedger(latest).difference === 0) return latest;
    }
    await delay(SAMPLE_PAUSE_MS);
  }
  latest ??= await takeQuietSample(sources, true);
  if (latest !== null) return latest;
  throw new MillraceError("TIMED_OUT", "the system was too busy for an audit", {
    remedy: "Try again when less is coming in.",
  });
}

/** Messages per key before each partition's processed position: those still in the log, and those that retention deleted. */
async function admittedByKey(sources: LedgerSources, sample: QuietSample): Promise<Map<string, number>> {
  const counts = new Map(Object.entries(sample.status.deletedTelemetry));
  const starts = new Map(
    sample.status.partitions.filter((p) => p.topic === "telemetry").map((p) => [p.partition, p.startOffset]),
  );
  const ranges = sample.totals
    .flatMap((totals) => totals.partitions)
    .map((p) => ({
      topic: "telemetry",
      partition: p.partition,
      offset: starts.get(p.partition) ?? 0,
      end: p.nextOffset,
    }));
  await countMessages(sources.log, ranges, counts);
  return counts;
}

function outcomesByKey(sample: QuietSample): Map<string, Outcomes> {
  const merged = new Map<string, Outcomes>();
  for (const { totals } of sample.totals) {
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
  sample: QuietSample,
  admitted: ReadonlyMap<string, number>,
  outcomes: ReadonlyMap<string, Outcomes>,
): DeviceMismatch[] {
  const mismatches: DeviceMismatch[] = [];
  for (const key of new Set([...admitted.keys(), ...outcomes.keys()])) {
    const counted = outcomes.get(key) ?? noOutcomes();
    const settled = settledMessages(counted);
    const valuesExpected =
      counted.valuesProduced -
      counted.valuesFiltered -
      counted.valuesQuarantined -
      (sample.valuesInFlight.get(key) ?? 0);
    const valuesStored = sample.tally === null ? valuesExpected : (sample.tally.readingRowsByDevice?.[key] ?? 0);
    if (settled !== (admitted.get(key) ?? 0) || valuesExpected !== valuesStored) {
      mismatches.push({ key, admitted: admitted.get(key) ?? 0, settled, valuesExpected, valuesStored });
    }
  }
  return mismatches;
}
