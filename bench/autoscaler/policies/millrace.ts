import { decideReplicas, INITIAL_SCALING_STATE } from "../../../runtime/autoscaler/decide-replicas.ts";
import { PARTITIONS } from "../trace.ts";
import type { ScalingEvent } from "../../../runtime/autoscaler/scaling-types.ts";
import type { Policy } from "../policy.ts";

/** Ours. `onEvent` is told of events, with the second. */
export function millrace(intervalSeconds: number, onEvent?: (at: number, event: ScalingEvent) => void): Policy {
  return {
    name: `Millrace, every ${intervalSeconds} s`,
    intervalSeconds,
    begin() {
      let state = INITIAL_SCALING_STATE;
      return ({ at, replicas, ready, sample }) => {
        const input = { at: at * 1000, replicas, ready, sample };
        const decision = decideReplicas(input, state, { partitions: PARTITIONS, min: 0, max: PARTITIONS });
        state = decision.state;
        for (const event of decision.events) onEvent?.(at, event);
        return decision.replicas;
      };
    },
  };
}
