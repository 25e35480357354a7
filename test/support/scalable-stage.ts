import type { ScalableStage } from "../../runtime/autoscaler/autoscale-loop.ts";
import type { ScalingBounds, StageSample } from "../../runtime/autoscaler/scaling-types.ts";

/** A stage as the autoscaler's loop sees it: its replicas work as soon as they are asked for. Each look is a second later. */
export class FakeStage implements ScalableStage {
  readonly name = "main";
  readonly bounds: ScalingBounds;
  readonly asked: number[] = [];
  replicas: number;
  at = 0;
  looks = 0;
  failure: Error | null = null;
  /** Records that come in a second, per partition. */
  arrivals = 0;
  private sample: StageSample;
  private wake: (() => void) | null = null;

  constructor(bounds: ScalingBounds, replicas: number) {
    this.bounds = bounds;
    this.replicas = replicas;
    const partitions = Array.from({ length: bounds.partitions }, () => ({ end: 0, position: 0 }));
    this.sample = { at: 0, partitions, busySeconds: 0, nextTimer: null };
  }

  get ready(): number {
    return this.replicas;
  }

  get isAsleep(): boolean {
    return this.wake !== null;
  }

  measure(): Promise<StageSample> {
    this.at += 1000;
    this.looks += 1;
    if (this.failure !== null) return Promise.reject(this.failure);
    const work = this.replicas * 1000;
    const partitions = this.sample.partitions.map((one) => {
      const end = (one?.end ?? 0) + this.arrivals;
      return { end, position: Math.min(end, (one?.position ?? 0) + work / this.bounds.partitions) };
    });
    const done = partitions.reduce((sum, { position }) => sum + position, 0) - this.done;
    this.sample = {
      ...this.sample,
      at: this.at,
      partitions,
      busySeconds: (this.sample.busySeconds ?? 0) + done / 1000,
    };
    return Promise.resolve(this.sample);
  }

  scaleTo(replicas: number): Promise<void> {
    this.asked.push(replicas);
    this.replicas = replicas;
    return Promise.resolve();
  }

  appended(_: StageSample, __: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      signal.addEventListener("abort", () => resolve());
    });
  }

  /** Something comes in while the stage sleeps. */
  append(perPartition: number): void {
    this.arrivals = perPartition;
    this.wake?.();
    this.wake = null;
  }

  private get done(): number {
    return this.sample.partitions.reduce((sum, one) => sum + (one?.position ?? 0), 0);
  }
}
