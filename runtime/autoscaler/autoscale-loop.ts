import { untilAborted } from "../../core/aborted.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { createOutage } from "../../core/outage.ts";
import { decideReplicas, INITIAL_SCALING_STATE } from "./decide-replicas.ts";
import { lagIn } from "./stage-load.ts";
import type { Clock } from "../../core/clock.ts";
import type { Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { ScalingBounds, ScalingDecision, ScalingEvent, StageSample } from "./scaling-types.ts";

/** What the loop scales: the threads of a stage in this process, or whatever else works its partitions. */
export interface ScalableStage {
  readonly name: string;
  readonly bounds: ScalingBounds;
  /** Replicas that were asked for. */
  readonly replicas: number;
  /** Replicas of these that work. */
  readonly ready: number;
  /** Called at every look. A rejection is a look without a measurement: nothing is changed for it. */
  measure(): Promise<StageSample>;
  /**
   * Never called in a dry run, and not again before it has settled. Resolves when the replicas are asked for, not when they work. After a
   * rejection `replicas` says what is left, and the next look decides anew and calls it again, also for the same number.
   */
  scaleTo(replicas: number): Promise<void>;
  /** Called at zero replicas: resolves when there is something behind `sample`, `waitMs` are over or `signal` aborts. */
  appended(sample: StageSample, waitMs: number, signal: AbortSignal): Promise<void>;
}

export interface AutoscaleLoopOptions {
  readonly stage: ScalableStage;
  /** The receive clock: timers are due by it. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Says and counts what it would do, and does nothing. */
  readonly isDryRun: boolean;
  readonly intervalMs?: number;
}

/** At zero, how long to trust that the append wakes; timers of silent devices are looked after this often. */
const ASLEEP_MS = 5000;
/** After a look that has failed for what is not known to pass: each is a line in the log. */
const FAILED_MS = 5000;

/** Looks at a stage again and again, and gives it as many replicas as it needs. What is decided and why is decide-replicas.ts's. */
export function createAutoscaleLoop(options: AutoscaleLoopOptions): Service {
  const { stage, clock, logger, isDryRun, intervalMs = LIMITS.autoscaleIntervalMs } = options;
  const meters = createMeters(options);
  const measuring = createOutage(`stage ${stage.name} cannot be measured and is not scaled`, intervalMs, logger);
  const scaling = createOutage(`stage ${stage.name} cannot be scaled`, intervalMs, logger);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let state = INITIAL_SCALING_STATE;
  let said = "";
  /** The last attempt to scale has failed: it is made again, whatever number is wanted by then. */
  let isUnfinished = false;

  const measure = async (): Promise<StageSample | null> => {
    try {
      const sample = await stage.measure();
      measuring.succeeded();
      return sample;
    } catch (error) {
      measuring.failed(error);
      return null;
    }
  };

  const say = (decision: ScalingDecision): void => {
    for (const event of decision.events) logger.warn({ stage: stage.name, ...event }, eventText(event));
    const { replicas: to, reason } = decision;
    const { replicas: from } = stage;
    const line = `${from} ${to}`;
    if (to !== from && line !== said) {
      const text = isDryRun ? "the stage would be scaled; this is a dry run" : "scaling the stage";
      logger.info({ stage: stage.name, from, to, reason }, text);
    }
    said = line;
  };

  const scale = async (replicas: number): Promise<void> => {
    isUnfinished = true;
    try {
      await stage.scaleTo(replicas);
      isUnfinished = false;
      scaling.succeeded();
    } catch (error) {
      scaling.failed(error);
    }
  };

  const look = async (): Promise<StageSample | null> => {
    const sample = await measure();
    const { replicas, ready, bounds } = stage;
    const decision = decideReplicas({ at: clock.now(), replicas, ready, sample }, state, bounds);
    const { change, onTrial } = state;
    // What is only said has not happened.
    state = isDryRun ? { ...decision.state, change, onTrial } : decision.state;
    meters.count(decision);
    say(decision);
    if (!isDryRun && (isUnfinished || decision.replicas !== replicas)) await scale(decision.replicas);
    meters.asked.set(stage.replicas);
    return sample;
  };

  const round = async (): Promise<void> => {
    const sample = await look();
    const isAsleep = stage.replicas === 0 && !isUnfinished && sample !== null && lagIn(sample) === 0;
    if (isAsleep) await stage.appended(sample, ASLEEP_MS, stopping.signal);
    else await pause(intervalMs, stopping.signal);
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await round();
      } catch (error) {
        // A stage that is not scaled any more stands still when it was at zero: also behind a defect the next look may go well.
        const text = "a look of the autoscaler has failed; the stage keeps the replicas that it has until the next one";
        logger.error({ stage: stage.name, err: error }, text);
        await pause(Math.max(intervalMs, FAILED_MS), stopping.signal);
      }
    }
  };

  return {
    start() {
      running = loop();
      return Promise.resolve();
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
    },
  };
}

function createMeters({ stage, metrics }: AutoscaleLoopOptions) {
  const asked = metrics.gauge("millrace_autoscaler_replicas", "Replicas of a stage that are asked for.", {
    stage: stage.name,
  });
  const wanted = metrics.gauge(
    "millrace_autoscaler_wanted_replicas",
    "Replicas that the last decision wants; in a dry run it is not followed.",
    { stage: stage.name },
  );
  return {
    asked,
    count({ replicas, reason, events }: ScalingDecision): void {
      wanted.set(replicas);
      metrics
        .counter("millrace_autoscaler_decisions_total", "Decisions of the autoscaler, by the reason of each.", {
          stage: stage.name,
          reason,
        })
        .add();
      for (const { kind } of events) {
        metrics
          .counter("millrace_autoscaler_events_total", "What more replicas do not help: see autoscaling.md.", {
            stage: stage.name,
            kind,
          })
          .add();
      }
    },
  };
}

function eventText(event: ScalingEvent): string {
  switch (event.kind) {
    case "hot-partition":
      return "one partition gets more than one replica can do; more replicas do not help it, other keys would";
    case "stalled":
      return "nothing is processed though records wait; what the stage writes to stands still, and replicas stay as they are";
    case "ineffective-scale-up":
      return "more replicas brought nothing and are taken back; what the stage writes to or waits for is the limit";
  }
}
