import { lagOf, processedOf, type Policy } from "../policy.ts";
import { PARTITIONS } from "../trace.ts";
import type { StageSample } from "../../../runtime/autoscaler/scaling-types.ts";

/** Defaults of numaproj/numaflow, pkg/apis/numaflow/v1alpha1/const.go and pkg/reconciler/vertex/scaling/options.go. */
const INTERVAL_SECONDS = 30;
const LOOKBACK_SECONDS = 180;
const COOLDOWN_SECONDS = 90;
const SLEEP_SECONDS = 180;
const TARGET_SECONDS = 20;
const REPLICAS_PER_SCALE = 2;

/**
 * Numaflow's formula for a source (pkg/reconciler/vertex/scaling/scaling.go, scaleOneVertex and desiredReplicas): replicas × (pending / rate) /
 * targetProcessingSeconds, both as means of the look-back; two more or fewer at a time, 90 s apart; zero when neither is above 0, and from
 * zero a look after 180 s.
 */
export function numaflow(): Policy {
  return {
    name: "Numaflow",
    intervalSeconds: INTERVAL_SECONDS,
    begin() {
      let samples: StageSample[] = [];
      let scaledAt = -Infinity;
      return ({ at, replicas, ready, sample }) => {
        if (sample !== null) samples.push(sample);
        samples = samples.filter((one) => one.at >= (at - LOOKBACK_SECONDS) * 1000);
        const since = at - scaledAt;
        const wanted = (): number => {
          if (since < COOLDOWN_SECONDS || ready !== replicas || sample === null) return replicas;
          if (replicas === 0) return since >= SLEEP_SECONDS ? 1 : 0;
          const desired = Math.min(PARTITIONS, desiredOf(samples, replicas));
          return Math.max(replicas - REPLICAS_PER_SCALE, Math.min(replicas + REPLICAS_PER_SCALE, desired));
        };
        const next = wanted();
        if (next !== replicas) scaledAt = at;
        return next;
      };
    },
  };
}

function desiredOf(samples: readonly StageSample[], replicas: number): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last) return replicas;
  const pending = samples.reduce((sum, sample) => sum + (lagOf(sample) ?? 0), 0) / samples.length;
  const rate = (processedOf(last) - processedOf(first)) / ((last.at - first.at) / 1000);
  if (pending === 0 && rate === 0) return 0;
  if (pending === 0 || rate === 0) return 1;
  return Math.max(1, Math.round((pending / rate / TARGET_SECONDS) * replicas));
}
