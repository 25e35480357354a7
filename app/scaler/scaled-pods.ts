import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { boundsInThreads, podsOf, threadsOf, type PodShape } from "./stage-pods.ts";
import { SteadyCount } from "./steady-count.ts";
import type { Logger } from "../../core/logger.ts";
import type { ScalerAnswer, ScalerTarget } from "../../core/scaler.ts";
import type { ScalableStage } from "../../runtime/autoscaler/autoscale-loop.ts";
import type { ScalingBounds, StageSample } from "../../runtime/autoscaler/scaling-types.ts";
import type { StageObservation } from "./observe-stage.ts";

export interface ScaledPodsOptions {
  readonly target: ScalerTarget;
  readonly partitions: number;
  /** Where nobody has told how many threads a pod has. */
  readonly threadsPerPod: number;
  readonly observe: () => Promise<StageObservation>;
  readonly appended: ScalableStage["appended"];
  /** Called after each change of the answer. */
  readonly onAnswer: (answer: ScalerAnswer) => void;
  readonly logger: Logger;
}

/**
 * A stage whose threads come and go with pods. Who has the pods asks when it likes: scaling is to answer another number from now on. Begins with
 * the pods that there are, so that one who begins here changes nothing.
 */
export class ScaledPods implements ScalableStage {
  readonly name: string;
  private readonly options: ScaledPodsOptions;
  private readonly steady = new SteadyCount(LIMITS.autoscaleDownWindowMs);
  private threadsPerPod: number;
  private asked = 0;
  private latest: ScalerAnswer | null = null;
  private threads = 0;
  private wokenAt = -Infinity;

  constructor(options: ScaledPodsOptions) {
    this.options = options;
    this.name = options.target.stage;
    this.threadsPerPod = options.threadsPerPod;
  }

  /** Null before the stage was measured. */
  get answer(): ScalerAnswer | null {
    return this.latest;
  }

  get bounds(): ScalingBounds {
    const { minReplicas, maxReplicas } = this.options.target;
    return boundsInThreads({ min: minReplicas, max: maxReplicas }, this.shape);
  }

  get replicas(): number {
    return threadsOf(this.asked, this.shape);
  }

  get ready(): number {
    return this.threads;
  }

  async measure(): Promise<StageSample> {
    const { target, observe } = this.options;
    const { sample, pods, threads, threadsPerPod } = await observe();
    this.threadsPerPod = threadsPerPod ?? this.threadsPerPod;
    this.threads = threads;
    const steady = this.steady.take(pods, sample.at);
    if (target.isDryRun) this.tell(steady);
    else if (this.latest === null) this.tell(this.bounded(pods));
    return sample;
  }

  scaleTo(threads: number): Promise<void> {
    const to = this.bounded(podsOf(threads, this.shape));
    const { asked: from } = this;
    if (to !== from) this.options.logger.info({ stage: this.name, from, to }, "another number of pods is asked for");
    this.tell(to);
    return Promise.resolve();
  }

  async appended(sample: StageSample, waitMs: number, signal: AbortSignal): Promise<void> {
    // What comes may be worked before it is looked at, by pods that are there for another stage: not a look for each record then.
    await pause(Math.max(0, this.wokenAt + LIMITS.scalerWakeIntervalMs - performance.now()), signal);
    await this.options.appended(sample, waitMs, signal);
    this.wokenAt = performance.now();
  }

  private tell(pods: number): void {
    this.asked = pods;
    if (this.latest?.replicas === pods) return;
    this.latest = { replicas: pods, isActive: pods > 0 };
    this.options.onAnswer(this.latest);
  }

  private bounded(pods: number): number {
    const { minReplicas, maxReplicas } = this.options.target;
    const most = Math.min(maxReplicas ?? Infinity, Math.ceil(this.options.partitions / this.threadsPerPod));
    return Math.max(minReplicas, Math.min(pods, most));
  }

  private get shape(): PodShape {
    return { partitions: this.options.partitions, threadsPerPod: this.threadsPerPod };
  }
}
