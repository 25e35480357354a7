import { MillraceError, errorText } from "../../core/errors.ts";
import { untilAborted } from "../../core/aborted.ts";
import { createAutoscaleLoop } from "../../runtime/autoscaler/autoscale-loop.ts";
import { within } from "../deadline.ts";
import { ScaledPods, type ScaledPodsOptions } from "./scaled-pods.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import type { Clock } from "../../core/clock.ts";
import type { Service } from "../../core/lifecycle.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { ScalerAnswer } from "../../core/scaler.ts";
import type { StageObservation } from "./observe-stage.ts";

export interface WatchedTargetOptions extends Omit<ScaledPodsOptions, "onAnswer"> {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly intervalMs?: number;
}

/** A target that is looked at all the time, since rates are made of many looks and who asks comes every half a minute. */
export class WatchedTarget implements Service {
  private readonly options: WatchedTargetOptions;
  private readonly pods: ScaledPods;
  private readonly followers = new Set<(answer: ScalerAnswer) => void>();
  private readonly known = Promise.withResolvers<void>();
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private failure: string | null = null;
  private isWorkTold = true;

  constructor(options: WatchedTargetOptions) {
    this.options = options;
    const meters = createMeters(options);
    this.pods = new ScaledPods({
      ...options,
      observe: () => this.observe(),
      onAnswer: (answer) => {
        meters.tell(answer);
        this.known.resolve();
        for (const follower of this.followers) follower(answer);
      },
    });
  }

  start(): Promise<void> {
    this.running = this.run();
    return Promise.resolve();
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.stopping.abort();
    await untilAborted(this.running, signal);
  }

  get isFollowed(): boolean {
    return this.followers.size > 0;
  }

  /** Why the answer is what it was. */
  notReadyReasons(): readonly string[] {
    if (this.failure === null) return [];
    const { stage } = this.options.target;
    const { answer } = this.pods;
    const held = answer === null ? "nothing is answered" : `the answer stays ${answer.replicas}`;
    return [`stage ${stage} cannot be measured for the scaler, ${held}: ${this.failure}`];
  }

  /** What was said last, however old; TIMED_OUT when nothing has been measured in time. */
  async answer(): Promise<ScalerAnswer> {
    const { stage } = this.options.target;
    const late = () =>
      new MillraceError("TIMED_OUT", `stage ${stage} has not been measured yet: ${this.failure ?? "it is looked at"}`, {
        remedy: "Ask again; /readyz says what keeps it.",
      });
    if (this.pods.answer === null) await within(this.known.promise, LIMITS.scalerFirstAnswerMs, late);
    if (this.pods.answer === null) throw late();
    return this.pods.answer;
  }

  follow(onAnswer: (answer: ScalerAnswer) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.followers.add(onAnswer);
    signal.addEventListener("abort", () => this.followers.delete(onAnswer), { once: true });
    if (this.pods.answer !== null) onAnswer(this.pods.answer);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const { target, intervalMs = LIMITS.autoscaleIntervalMs } = this.options;
    // A decision before the first measurement would be one about no pods.
    while (this.pods.answer === null && !signal.aborted) await this.firstLook(intervalMs);
    if (signal.aborted) return;
    const loop = createAutoscaleLoop({ ...this.options, stage: this.pods, isDryRun: target.isDryRun });
    await loop.start();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await loop.stop(AbortSignal.timeout(LIMITS.scalerFirstAnswerMs));
  }

  private async firstLook(intervalMs: number): Promise<void> {
    const { target, logger } = this.options;
    const before = this.failure;
    try {
      await this.pods.measure();
    } catch (error) {
      const text = "a stage cannot be measured yet and nothing is answered for it; trying again";
      if (before === null) logger.warn({ stage: target.stage, err: error }, text);
      await pause(intervalMs, this.stopping.signal);
    }
  }

  private async observe(): Promise<StageObservation> {
    try {
      const observation = await this.options.observe();
      this.failure = null;
      this.sayWork(observation.sample.busySeconds !== null);
      return observation;
    } catch (error) {
      this.failure = errorText(error);
      throw error;
    }
  }

  private sayWork(isTold: boolean): void {
    const { target, logger, metrics } = this.options;
    metrics
      .gauge(
        "millrace_scaler_work_told",
        "1 while processors tell how long they have worked, 0 while lag alone is known.",
        {
          stage: target.stage,
        },
      )
      .set(isTold ? 1 : 0);
    if (isTold === this.isWorkTold) return;
    this.isWorkTold = isTold;
    const text = isTold
      ? "processors tell how long they have worked: the stage is scaled by that again"
      : "processors do not tell how long they have worked, as a former release does not: the stage is scaled by what is seen of its lag, and stays as it is while that says nothing";
    logger.info({ stage: target.stage }, text);
  }
}

function createMeters({ target: { stage }, metrics }: WatchedTargetOptions) {
  const replicas = metrics.gauge("millrace_scaler_replicas", "Pods that the scaler answers for a stage.", { stage });
  const active = metrics.gauge("millrace_scaler_active", "1 for a stage that is active, 0 for one that needs no pod.", {
    stage,
  });
  return {
    tell(answer: ScalerAnswer): void {
      replicas.set(answer.replicas);
      active.set(answer.isActive ? 1 : 0);
    },
  };
}
