import { CANARY_OUTCOMES, noCanaryCounts } from "../core/canary.ts";
import type { CanaryCounts, CanaryOutcome } from "../core/canary.ts";
import type { MetricSample } from "../core/metrics.ts";

/** What all threads have counted of canaries, by `name@version`. */
export function canaryCounts(samples: readonly MetricSample[]): ReadonlyMap<string, CanaryCounts> {
  const counts = new Map<string, Record<CanaryOutcome, number>>();
  for (const { name, labels, value } of samples) {
    const { function: fn, version } = labels;
    const outcome = CANARY_OUTCOMES.find((one) => one === labels["outcome"]);
    if (name !== "millrace_canary_calls_total" || outcome === undefined) continue;
    const id = `${fn}@${version}`;
    const known = counts.get(id) ?? noCanaryCounts();
    counts.set(id, known);
    known[outcome] += value;
  }
  return counts;
}
