import { CANARY_OUTCOMES, noCanaryCounts } from "../core/canary.ts";
import { createCanaryWatch } from "../runtime/canary/canary-watch.ts";
import type { CanaryWatchOptions } from "../runtime/canary/canary-watch.ts";
import type { CanaryCounts, CanaryOutcome } from "../core/canary.ts";
import type { Service } from "../core/lifecycle.ts";
import type { MetricSample } from "../core/metrics.ts";
import type { RolloutStore } from "../core/rollout.ts";
import type { Peers } from "./peers.ts";

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

export interface CanaryParts extends Pick<CanaryWatchOptions, "clock" | "logger"> {
  readonly registry: { readonly rollouts: RolloutStore };
  readonly peers: Pick<Peers, "metrics">;
}

/** Not leased: each process knows only what its own threads have seen. */
export function watchCanaries({ registry, peers, clock, logger }: CanaryParts): Service {
  const counts = async () => canaryCounts(await peers.metrics());
  return createCanaryWatch({ rollouts: registry.rollouts, counts, clock, logger });
}
