import type { AssignmentListener } from "../../core/consumer-group.ts";

/** A thread that can work any partitions of a stage: it has none until it takes some. */
export interface PooledWorker extends AssignmentListener {
  /** Seconds that it has worked since it began. */
  busySeconds(): Promise<number>;
  /** Called once, when it has nothing any more. */
  end(): Promise<void>;
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
  private readonly workers: { readonly worker: PooledWorker; owned: readonly number[] }[] = [];
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
    const each = await Promise.all(this.workers.map(({ worker }) => worker.busySeconds()));
    return each.reduce((sum, seconds) => sum + seconds, this.endedBusySeconds);
  }

  /** Resolves when every partition is with its worker; rejects when one could not start, and then those that there are have them all. */
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
    await allOf(this.workers, async (seat, index) => {
      const leaving = seat.owned.filter((partition) => !shares[index]?.includes(partition));
      if (leaving.length > 0) await seat.worker.release(leaving);
      seat.owned = seat.owned.filter((partition) => !leaving.includes(partition));
    });
    await this.dismiss(this.workers.splice(count));
    await allOf(this.workers, async (seat, index) => {
      const share = shares[index] ?? [];
      const coming = share.filter((partition) => !seat.owned.includes(partition));
      if (coming.length > 0) await seat.worker.take(coming);
      seat.owned = share;
    });
    if (shortage !== null) throw shortage.error;
  }

  /** The one in reserve first. Null when as many came as were needed. */
  private async hire(count: number): Promise<{ readonly error: unknown } | null> {
    if (count <= 0) return null;
    const spare = await this.spare;
    const started = await Promise.allSettled([
      ...(spare === null ? [] : [Promise.resolve(spare)]),
      ...Array.from({ length: count - (spare === null ? 0 : 1) }, () => this.options.spawn()),
    ]);
    for (const result of started)
      if (result.status === "fulfilled") this.workers.push({ worker: result.value, owned: [] });
    this.warm();
    const failed = started.find((result) => result.status === "rejected");
    return failed === undefined ? null : { error: failed.reason };
  }

  private async dismiss(leaving: readonly { readonly worker: PooledWorker }[]): Promise<void> {
    for (const { worker } of leaving) {
      this.endedBusySeconds += await worker.busySeconds();
      await worker.end();
    }
  }
}

function shareOf(index: number, count: number, partitions: number): readonly number[] {
  if (index >= count) return [];
  return Array.from({ length: partitions }, (_, partition) => partition).filter((one) => one % count === index);
}

/** Rejects with the first failure, when all have ended: what still runs must not meet the next change. */
async function allOf<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(work));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
