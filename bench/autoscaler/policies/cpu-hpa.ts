import { HPA_SYNC_SECONDS, hpaBehaviour, isTolerated } from "./hpa-behaviour.ts";
import type { Policy } from "../policy.ts";
import type { StageSample } from "../../../runtime/autoscaler/scaling-types.ts";

/**
 * An HPA on CPU (kubernetes/kubernetes, podautoscaler/replica_calculator.go, GetResourceReplicas): ceil(ready × utilisation / target), never
 * below one. metrics-server gives the mean since its last look, 15 s before.
 */
export function cpuHpa(target: number): Policy {
  return {
    name: `HPA, CPU ${100 * target} %`,
    intervalSeconds: HPA_SYNC_SECONDS,
    begin() {
      const behave = hpaBehaviour();
      let before: StageSample | null = null;
      return ({ at, replicas, ready, sample }) => {
        const last = before;
        before = sample ?? before;
        if (sample === null || last === null || sample.at <= last.at || ready === 0) return replicas;
        const busy = (sample.busySeconds ?? 0) - (last.busySeconds ?? 0);
        const ratio = busy / ((sample.at - last.at) / 1000) / ready / target;
        // Pods that start count as idle when more are wanted: what was asked for stands.
        const wanted = isTolerated(ratio) ? replicas : Math.max(1, Math.ceil(ratio * ready));
        return behave(at, replicas, ready < replicas ? Math.max(replicas, wanted) : wanted);
      };
    },
  };
}
