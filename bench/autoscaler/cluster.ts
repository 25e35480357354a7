import { PartitionQueue } from "./partition-queue.ts";
import { MOVE_SECONDS, PARTITIONS, POD_RATE, type Trace } from "./trace.ts";
import type { StageSample } from "../../runtime/autoscaler/scaling-types.ts";

/** The stage as it is simulated: queues, replicas that take the partitions in turn, a sink behind them all. */
export class Cluster {
  readonly queues = Array.from({ length: PARTITIONS }, () => new PartitionQueue());
  ready: number;
  busySeconds = 0;
  private readonly trace: Trace;
  private readonly random: () => number;
  /** Fractions of records that have not come yet, by partition. */
  private readonly owed = new Float64Array(PARTITIONS);
  /** Where each partition stood a step ago: what is under way is not committed yet. */
  private committed: readonly number[] = Array.from({ length: PARTITIONS }, () => 0);
  private readonly resting = new Float64Array(PARTITIONS);

  constructor(trace: Trace, random: () => number) {
    this.trace = trace;
    this.random = random;
    this.ready = trace.initialReplicas;
  }

  /** Partitions whose replica changes rest for MOVE_SECONDS. */
  setReady(at: number, ready: number): void {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const isMoved = this.ready === 0 || ready === 0 || partition % this.ready !== partition % ready;
      if (isMoved) this.resting[partition] = at + MOVE_SECONDS;
    }
    this.ready = ready;
  }

  /** Records of one step come in: a tenth of noise around the trace. */
  arrive(at: number): void {
    const { arrivals, share, stepSeconds } = this.trace;
    const shares = this.queues.map((_, partition) => share(partition, at));
    const sum = shares.reduce((total, part) => total + part, 0);
    const records = arrivals(at) * stepSeconds * (1 + 0.2 * (this.random() - 0.5));
    this.queues.forEach((queue, partition) => {
      const owed = (this.owed[partition] ?? 0) + (records * (shares[partition] ?? 0)) / sum;
      queue.add(at, Math.floor(owed));
      this.owed[partition] = owed - Math.floor(owed);
    });
  }

  /** Every replica works for one step, fairly on the partitions that it has, as far as the sink takes it. */
  work(at: number): void {
    const { sink, stepSeconds } = this.trace;
    this.committed = this.queues.map(({ position }) => position);
    const perPod = Math.floor(Math.min(POD_RATE, sink(at) / this.ready) * stepSeconds);
    const shares = Array.from({ length: this.ready }, (): PartitionQueue[] => []);
    this.queues.forEach((queue, partition) => {
      if (queue.lag > 0 && (this.resting[partition] ?? 0) <= at) shares[partition % this.ready]?.push(queue);
    });
    for (const own of shares) this.busySeconds += (perPod - takeFairly(own, perPod)) / POD_RATE;
  }

  sample(at: number): StageSample {
    const partitions = this.queues.map(({ end }, partition) => ({ end, position: this.committed[partition] ?? 0 }));
    return { at: at * 1000, partitions, busySeconds: this.busySeconds, nextTimer: null };
  }
}

/** What one has no use for goes to the others, the shortest queue first. Returns what nobody had a use for. */
function takeFairly(queues: readonly PartitionQueue[], count: number): number {
  let left = count;
  queues
    .toSorted((a, b) => a.lag - b.lag)
    .forEach((queue, index) => {
      left -= queue.take(Math.floor(left / (queues.length - index)));
    });
  return left;
}
