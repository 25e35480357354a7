import { HPA_SYNC_SECONDS, hpaBehaviour, isTolerated } from "./hpa-behaviour.ts";
import { lagOf, type Policy } from "../policy.ts";
import { PARTITIONS } from "../trace.ts";

/** KEDA's defaults of a ScaledObject. */
const POLLING_SECONDS = 30;
const COOLDOWN_SECONDS = 300;

/**
 * KEDA's Kafka scaler (kedacore/keda, pkg/scalers/apache_kafka_scaler.go, getTotalLag): ceil(lag / lagThreshold), no more than partitions
 * because allowIdleConsumers is off; from zero when there is lag at a poll, to zero when there has been none for cooldownPeriod. Between 1
 * and the most it is an HPA on an external metric of type AverageValue.
 */
export function keda(lagThreshold: number, label: string): Policy {
  return {
    name: `KEDA, lagThreshold ${label}`,
    intervalSeconds: HPA_SYNC_SECONDS,
    begin() {
      const behave = hpaBehaviour();
      let activeAt = 0;
      return ({ at, replicas, sample }) => {
        const total = lagOf(sample);
        if (total === null) return replicas;
        if (total > 0) activeAt = at;
        if (replicas === 0) return total > 0 && at % POLLING_SECONDS === 0 ? 1 : 0;
        if (at - activeAt >= COOLDOWN_SECONDS) return 0;
        const lag = Math.min(total, PARTITIONS * lagThreshold);
        const isKept = isTolerated(lag / (lagThreshold * replicas));
        return behave(at, replicas, isKept ? replicas : Math.max(1, Math.ceil(lag / lagThreshold)));
      };
    },
  };
}
