import { mainStage } from "../processors/main-stage.ts";
import { stageSample, untilAppended } from "../runtime/autoscaler/stage-sample.ts";
import type { Clock } from "../core/clock.ts";
import type { EventLog } from "../core/event-log.ts";
import type { ScalableStage } from "../runtime/autoscaler/autoscale-loop.ts";
import type { Peers } from "./peers.ts";

/** The main stage for a dry run: its threads are as many as were configured. */
export function watchedMainStage(
  log: EventLog,
  { busySeconds, processorCount }: Pick<Peers, "busySeconds" | "processorCount">,
  clock: Clock,
): ScalableStage {
  const { partitionCount: partitions } = log;
  return {
    name: mainStage.name,
    bounds: { partitions, min: 1, max: partitions },
    replicas: processorCount,
    ready: processorCount,
    async measure() {
      const [status, busy] = await Promise.all([log.status(), busySeconds()]);
      return stageSample(status, mainStage, busy, clock.now());
    },
    scaleTo: () => Promise.reject(new TypeError("the threads of the main stage are not scaled while they run")),
    appended: (sample, waitMs, signal) => untilAppended(log, mainStage, sample, waitMs, signal),
  };
}
