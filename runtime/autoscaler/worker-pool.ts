import type { AssignmentListener } from "../../core/consumer-group.ts";

/** A thread that can work any partitions of a stage: it has none until it takes some. */
export interface PooledWorker extends AssignmentListener {
  /** Seconds that it has worked since it began. */
  busySeconds(): Promise<number>;
  /** Called once, when it has nothing any more. */
  end(): Promise<void>;
}

interface Failure {
  readonly error: unknown;
}

interface Member {
  readonly worker: PooledWorker;
  owned: readonly number[];
  /** As it last said. */
  busySeconds: number;
}

export interface WorkerPoolOptions {
  readonly partitions: number;
  /** Starts a worker without partitions. */
  readonly spawn: () => Promise<PooledWorker>;
  /** Told of a worker in reserve that could not be started: the next one is started when it is needed. */
  readonly onSpareFailure: (error: unknown) => void;
}

/**
 * The workers of a stage in one process, whose number changes while they work. Partitions are dealt out in turn: 0, n, 2n … to the first. One
 * that goes to another worker is released before it is taken, so that its new owner restores what the old one has committed. A worker
 * more than are needed is kept in reserve, started and without partitions: the next one works at once, also from zero.
 */
export class WorkerPool {
  private readonly options: WorkerPoolOptions;
  private workers: readonly Member[] = [];
  private spare: Promise<PooledWorker | null> = Promise.resolve(null);
  /** Of workers that have ended. */
  private endedBusySeconds = 0;
  private asked = 0;
  private changing: Promise<void> = Promise.resolve();

  constructor(options: WorkerPoolOptions) {
    this.options = options;
  }

  get replicas(): number {
    return this.asked;
  }

  get ready(): number {
    return this.workers.filter(({ owned }) => owned.length > 0).length;
  }

  /** Starts the reserve. */
  warm(): void {
    this.spare = this.options.spawn().catch((error: unknown) => {
      this.options.onSpareFailure(error);
      return null;
    });
  }

  /** Of all workers, ended ones included: it only grows. */
  async busySeconds(): Promise<number> {
    const asked = this.workers;
    const each = await Promise.all(asked.map(({ worker }) => worker.busySeconds()));
    for (const [index, member] of asked.entries()) member.busySeconds = each[index] ?? 0;
    return each.reduce((sum, seconds) => sum + seconds, this.endedBusySeconds);
  }

  /**
   * Resolves when every partition is with its worker. Rejects with the first failure when all the rest is done: when one could not start,
   * those that there are have all partitions; what could not be released, taken or ended is tried again at the next call, with whatever
   * number.
   */
  scaleTo(replicas: number): Promise<void> {
    this.asked = replicas;
    const change = this.changing.then(() => this.change(replicas));
    this.changing = change.catch(() => undefined);
    return change;
  }

  /** Releases everything and ends the workers, the one in reserve too. */
  async stop(): Promise<void> {
    await this.scaleTo(0);
    const spare = await this.spare;
    await spare?.end();
  }

  private async change(replicas: number): Promise<void> {
    const shortage = await this.hire(replicas - this.workers.length);
    const count = shortage === null ? replicas : Math.min(replicas, this.workers.length);
    this.asked = count;
    const shares = this.workers.map((_, index) => shareOf(index, count, this.options.partitions));
    const released = await this.releaseAllBut(shares);
    const dismissed = await this.dismissFrom(count);
    const taken = await this.takeAll(shares);
    const [first] = [...released, ...dismissed, ...taken, ...(shortage === null ? [] : [shortage])];
    if (first !== undefined) throw first.error;
  }

  private releaseAllBut(shares: readonly (readonly number[])[]): Promise<readonly Failure[]> {
    return failuresOf(this.workers, async (member, index) => {
      const leaving = member.owned.filter((partition) => !shares[index]?.includes(partition));
      if (leaving.length > 0) await member.worker.release(leaving);
      member.owned = member.owned.filter((partition) => !leaving.includes(partition));
    });
  }

  /** Of what has no owner any more: what could not be released stays where it is. */
  private takeAll(shares: readonly (readonly number[])[]): Promise<readonly Failure[]> {
    const held = new Set(this.workers.flatMap(({ owned }) => owned));
    return failuresOf(this.workers, async (member, index) => {
      const coming = (shares[index] ?? []).filter((partition) => !held.has(partition));
      if (coming.length > 0) await member.worker.take(coming);
      member.owned = [...member.owned, ...coming];
    });
  }

  /** The one in reserve first. Null when as many came as were needed. */
  private async hire(count: number): Promise<Failure | null> {
    if (count <= 0) return null;
    const spare = await this.spare;
    const started = await Promise.allSettled([
      ...(spare === null ? [] : [Promise.resolve(spare)]),
      ...Array.from({ length: count - (spare === null ? 0 : 1) }, () => this.options.spawn()),
    ]);
    const hired = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    this.workers = [...this.workers, ...hired.map((worker) => ({ worker, owned: [], busySeconds: 0 }))];
    this.warm();
    const failed = started.find((result) => result.status === "rejected");
    return failed === undefined ? null : { error: failed.reason };
  }

  /** Ends those behind the first `count` that have released everything. What could not be ended stays, and is ended by a later change. */
  private dismissFrom(count: number): Promise<readonly Failure[]> {
    const leaving = this.workers.slice(count).filter(({ owned }) => owned.length === 0);
    return failuresOf(leaving, async (member) => {
      // One that does not answer is ended all the same: what it said last has to do.
      member.busySeconds = await member.worker.busySeconds().catch(() => member.busySeconds);
      await member.worker.end();
      this.workers = this.workers.filter((one) => one !== member);
      this.endedBusySeconds += member.busySeconds;
    });
  }
}

function shareOf(index: number, count: number, partitions: number): readonly number[] {
  if (index >= count) return [];
  return Array.from({ length: partitions }, (_, partition) => partition).filter((one) => one % count === index);
}

/** Resolves when all have settled: what still runs must not meet the next change. */
async function failuresOf<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<readonly Failure[]> {
  const results = await Promise.allSettled(items.map(work));
  return results.flatMap((result) => (result.status === "rejected" ? [{ error: result.reason as unknown }] : []));
}
