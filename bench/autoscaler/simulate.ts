import { Cluster } from "./cluster.ts";
import { EventQueue } from "./event-queue.ts";
import { LATE_SECONDS, PARTITIONS, type Trace } from "./trace.ts";
import type { Policy } from "./policy.ts";
import type { StageSample } from "../../runtime/autoscaler/scaling-types.ts";

export interface ScaleAction {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

export interface Outcome {
  readonly trace: string;
  readonly policy: string;
  /** Replicas that were asked for, over time: one that starts costs as much as one that works. */
  readonly podSeconds: number;
  /** Of every partition, the seconds in which its oldest record was late. */
  readonly latePartitionSeconds: number;
  readonly lagSecondsMax: number;
  readonly lagRecordsMax: number;
  readonly actions: readonly ScaleAction[];
  /** Actions that went the other way than the one before. */
  readonly turns: number;
  readonly score: number;
}

export interface Watching {
  readonly seed?: number;
  /** Told, at every step, how long the oldest record has waited, s. */
  readonly onStep?: (at: number, age: number) => void;
}

/**
 * Plays a trace against a policy: discrete events (records come, replicas work, metrics are read, replicas are ready), no clock, and chance
 * from a seed. The score is pod-seconds + late partition-seconds, less is better: a partition keeps at most one replica busy, so that a
 * replica for a second is what one would pay at most for one partition not to be late in it.
 */
export function simulate(trace: Trace, policy: Policy, { seed = 1, onStep }: Watching = {}): Outcome {
  const cluster = new Cluster(trace, randomOf(seed));
  const queue = new EventQueue();
  const decide = policy.begin(trace);
  const samples: StageSample[] = [];
  const actions: ScaleAction[] = [];
  let replicas = trace.initialReplicas;
  const sums = { podSeconds: 0, late: 0, lagRecordsMax: 0, lagSecondsMax: 0 };

  const step = (at: number): void => {
    cluster.arrive(at);
    cluster.work(at);
    const waiting = cluster.queues.map((one) => one.age(at));
    const age = Math.max(...waiting);
    onStep?.(at, age);
    sums.lagSecondsMax = Math.max(sums.lagSecondsMax, age);
    sums.podSeconds += replicas * trace.stepSeconds;
    sums.late += waiting.filter((age) => age > LATE_SECONDS).length * trace.stepSeconds;
    sums.lagRecordsMax = Math.max(
      sums.lagRecordsMax,
      cluster.queues.reduce((sum, { lag }) => sum + lag, 0),
    );
    queue.schedule(at + trace.stepSeconds, step);
  };

  const scaleTo = (at: number, to: number): void => {
    actions.push({ at, from: replicas, to });
    replicas = to;
    // Those that start are let go first, and those that go, go at once.
    if (to < cluster.ready) cluster.setReady(at, to);
    if (to > cluster.ready) {
      const begun = actions.length;
      queue.schedule(at + trace.podStartSeconds, (readyAt) => {
        if (replicas > cluster.ready && (actions.length === begun || replicas >= to))
          cluster.setReady(readyAt, Math.min(to, replicas));
      });
    }
  };

  const look = (at: number): void => {
    samples.push(cluster.sample(at));
    const visible = samples.findLast((sample) => sample.at <= (at - trace.delaySeconds) * 1000) ?? null;
    const sample = trace.isMeasured(at) ? visible : null;
    const wanted = Math.min(PARTITIONS, Math.max(0, decide({ at, replicas, ready: cluster.ready, sample })));
    if (wanted !== replicas) scaleTo(at, wanted);
    queue.schedule(at + policy.intervalSeconds, look);
  };

  queue.schedule(0, step);
  queue.schedule(policy.intervalSeconds, look);
  queue.runUntil(trace.seconds);
  return {
    trace: trace.name,
    policy: policy.name,
    podSeconds: sums.podSeconds,
    latePartitionSeconds: sums.late,
    lagSecondsMax: sums.lagSecondsMax,
    lagRecordsMax: sums.lagRecordsMax,
    actions,
    turns: turnsOf(actions),
    score: sums.podSeconds + sums.late,
  };
}

function turnsOf(actions: readonly ScaleAction[]): number {
  return actions.filter(({ from, to }, index) => {
    const before = actions[index - 1];
    return before !== undefined && to > from !== before.to > before.from;
  }).length;
}

/** mulberry32: 32 bits of state, good enough for noise. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
