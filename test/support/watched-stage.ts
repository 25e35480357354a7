import { decideReplicas, INITIAL_SCALING_STATE } from "../../runtime/autoscaler/decide-replicas.ts";
import type {
  PartitionSample,
  ScalingBounds,
  ScalingDecision,
  ScalingState,
  StageSample,
} from "../../runtime/autoscaler/scaling-types.ts";

export interface Course {
  /** Records per second, of all partitions or of each. */
  readonly arrivals: number | readonly number[];
  /** Records per second that are processed, of all partitions alike; absent: all that is there. */
  readonly processed?: number;
  /** Seconds of work per second, of all replicas. */
  readonly busy?: number;
}

/** A stage that does what a test says, looked at once a second, and asked each time what it should have. It does not follow. */
export class WatchedStage {
  at = 0;
  replicas: number;
  ready: number;
  nextTimer: number | null = null;
  state: ScalingState = INITIAL_SCALING_STATE;
  readonly bounds: ScalingBounds;
  private partitions: readonly PartitionSample[];
  private busySeconds = 0;

  constructor(bounds: ScalingBounds, replicas: number) {
    this.bounds = bounds;
    this.replicas = replicas;
    this.ready = replicas;
    this.partitions = Array.from({ length: bounds.partitions }, () => ({ end: 0, position: 0 }));
  }

  get sample(): StageSample {
    const { at, partitions, busySeconds, nextTimer } = this;
    return { at, partitions, busySeconds, nextTimer };
  }

  get lag(): number {
    return this.partitions.reduce((sum, { end, position }) => sum + end - position, 0);
  }

  /** One second, without asking. */
  pass({ arrivals, processed, busy = 0 }: Course): void {
    this.at += 1000;
    this.busySeconds += busy;
    const count = this.bounds.partitions;
    this.partitions = this.partitions.map(({ end, position }, index) => {
      const next = end + (typeof arrivals === "number" ? arrivals / count : (arrivals[index] ?? 0));
      return { end: next, position: processed === undefined ? next : Math.min(next, position + processed / count) };
    });
  }

  ask(sample: StageSample | null = this.sample): ScalingDecision {
    const { at, replicas, ready } = this;
    const decision = decideReplicas({ at, replicas, ready, sample }, this.state, this.bounds);
    this.state = decision.state;
    return decision;
  }

  /** Passes seconds, asking in each, and returns what was said; stops at the first change when `follows` is given, and makes it. */
  watch(seconds: number, course: Course, follows = false): ScalingDecision[] {
    const said: ScalingDecision[] = [];
    for (let second = 0; second < seconds; second += 1) {
      this.pass(course);
      const decision = this.ask();
      said.push(decision);
      if (follows && decision.replicas !== this.replicas) {
        this.replicas = decision.replicas;
        this.ready = decision.replicas;
        return said;
      }
    }
    return said;
  }
}
