import { countsOf, sumOfKeys, worstKeys } from "./worst-keys.ts";
import type { StageTotals } from "../runtime/stage-runner.ts";
import type { Peers } from "./peers.ts";
import type { KeyCountsSource } from "./slow-devices.ts";

/** `complete` hands on what this process's threads say when they have all partitions, else what the journals do. */
export function createKeyCounts(
  peers: Pick<Peers, "worst" | "totalsOf">,
  complete: (own: () => Promise<readonly StageTotals[]>) => Promise<readonly StageTotals[]>,
): KeyCountsSource {
  const keys = async (own: () => Promise<readonly StageTotals[]>) =>
    sumOfKeys((await complete(own)).map(({ totals }) => totals));
  return {
    worst: async (prefix, count) => worstKeys(await keys(() => peers.worst(prefix, count)), prefix, count),
    of: async (wanted) => countsOf(await keys(() => peers.totalsOf(wanted)), wanted),
  };
}
