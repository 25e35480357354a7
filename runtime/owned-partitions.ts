import { backOffMs } from "../core/back-off.ts";
import { errorText, isMillraceError } from "../core/errors.ts";
import { ENDED_AT } from "../core/event-log.ts";
import { begunPartitions } from "../core/functions-stage.ts";
import { LIMITS } from "../core/limits.ts";
import { pause } from "../core/pause.ts";
import type { Clock } from "../core/clock.ts";
import type { LogInspector } from "../core/event-log.ts";
import type { Logger } from "../core/logger.ts";
import type { PartitionOwner } from "./partition-owner.ts";
import type { WarmPartitions } from "./warm-partitions.ts";

export interface OwnedPartitionsOptions {
  readonly log: LogInspector;
  readonly stage: string;
  readonly monotonic: Clock;
  readonly logger: Logger;
  /** Where what is released is kept. */
  readonly warm: WarmPartitions;
  /** Claims and restores. `onFailure` is called once, when the first commit of the owner fails. */
  readonly claim: (partition: number, onFailure: () => void) => Promise<PartitionOwner>;
  /** Runs the change between two rounds of the loop, soon. */
  readonly inLoop: (change: () => Promise<void>) => Promise<void>;
  /** Something came up that no further attempt will change: the stage cannot go on. */
  readonly onEnd: (error: unknown) => void;
}

const RESTORE_PAUSE_MS_MIN = 200;
/** Between two looks whether a stage that has ended has begun again. */
const LOOK_MS = 500;
const NONE: ReadonlySet<number> = new Set();

/**
 * The partitions that a stage works in this process. They are claimed and restored beside the loop, which goes on with the others; an
 * owner whose commit failed stays, unworked, until the next claim has restored what landed.
 */
export class OwnedPartitions {
  readonly owners = new Map<number, PartitionOwner>();
  private readonly options: OwnedPartitionsOptions;
  /** Of partitions that are to be ours: ends the attempts to claim them. */
  private readonly wanted = new Map<number, AbortController>();
  private readonly restoring = new Set<number>();
  private lookedAt = -Infinity;
  private workedAt = -Infinity;
  /** Restores in a row of which nothing came, by partition. */
  private readonly fruitless = new Map<number, number>();

  constructor(options: OwnedPartitionsOptions) {
    this.options = options;
  }

  /** Those that are at work, and those that are on their way. */
  get wantedCount(): number {
    return this.wanted.size;
  }

  /** Resolves when all are restored and at work. Rejects with what no further attempt will change. */
  async take(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.wanted.set(partition, new AbortController());
    await Promise.all(partitions.map((partition) => this.claim(partition, 0)));
  }

  /** Resolves when what was processed of them has landed, or never will. */
  async release(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) {
      this.wanted.get(partition)?.abort();
      this.wanted.delete(partition);
    }
    const released = partitions.flatMap((partition) => this.owners.get(partition) ?? []);
    await this.options.inLoop(async () => {
      for (const owner of released) await owner.commit();
      for (const { partition } of released) this.owners.delete(partition);
    });
    await Promise.all(released.map((owner) => this.keep(owner)));
  }

  /** What is to be done beside the work, between two rounds of the loop. `isIdle`: nothing has come in this one. */
  async tend(isIdle: boolean): Promise<void> {
    const now = this.options.monotonic.now();
    if (!isIdle) this.workedAt = now;
    else if (now - this.workedAt >= LIMITS.snapshotIdleMs)
      for (const owner of this.owners.values()) owner.snapshotIdle();
    await this.restoreLost();
  }

  /** Begins to restore those whose commit has failed, and those that had ended with their stage and have begun again. */
  private async restoreLost(): Promise<void> {
    const begun = await this.begunAgain();
    for (const owner of this.owners.values()) {
      const { partition, failure } = owner;
      if (this.restoring.has(partition) || (failure === undefined && !begun.has(partition))) continue;
      this.restoring.add(partition);
      const restored = failure === undefined ? this.renew(partition) : this.restore(owner);
      void restored.finally(() => this.restoring.delete(partition));
    }
  }

  /** What stands behind everything commits nothing, and would never be told that somebody else has claimed it. */
  private async begunAgain(): Promise<ReadonlySet<number>> {
    const { log, stage, monotonic } = this.options;
    const ended = [...this.owners.values()].filter(hasEnded);
    if (ended.length === 0 || monotonic.now() - this.lookedAt < LOOK_MS) return NONE;
    this.lookedAt = monotonic.now();
    try {
      const begun = begunPartitions(await log.status(), stage);
      return new Set(ended.map(({ partition }) => partition).filter((partition) => begun.has(partition)));
    } catch (error) {
      if (!isPassing(error)) throw error;
      return NONE;
    }
  }

  private async renew(partition: number): Promise<void> {
    const { stage, logger } = this.options;
    logger.info({ stage, partition }, "the stage had ended and has begun again; restoring the partition");
    await this.claim(partition, 0).catch((error: unknown) => this.endsWith(error));
  }

  private async restore(owner: PartitionOwner): Promise<void> {
    const { partition } = owner;
    await owner.settled();
    if (this.endsWith(owner.failure)) return;
    const { stage, logger } = this.options;
    const warn = (): void =>
      logger.warn({ stage, partition, cause: errorText(owner.failure) }, "commit failed; restoring the partition");
    const isFenced = isMillraceError(owner.failure, "JOURNAL_FENCED");
    if (!isFenced) warn();
    const attempts = owner.landed ? 0 : (this.fruitless.get(partition) ?? 0) + 1;
    await this.claim(partition, attempts).catch((error: unknown) => this.endsWith(error));
    if (!isFenced) return;
    // Who ends a stage claims its journal first, and tells people of it. Only what is restored tells that from a partition that another works.
    if (hasEnded(this.owners.get(partition)))
      logger.debug({ stage, partition }, "the stage has ended in the partition");
    else warn();
  }

  /** Again and again, until it is ours or no longer to be. */
  private async claim(partition: number, earlierAttempts: number): Promise<void> {
    const signal = this.wanted.get(partition)?.signal ?? AbortSignal.abort();
    for (let attempts = earlierAttempts; ; attempts += 1) {
      this.fruitless.set(partition, attempts);
      if (attempts > 0) await pause(restorePauseMs(attempts), signal);
      if (signal.aborted) return;
      try {
        const owner = await this.options.claim(partition, () => void this.options.inLoop(() => Promise.resolve()));
        await this.options.inLoop(async () => {
          if (!signal.aborted) this.owners.set(partition, owner);
          // One that was claimed behind it has the state.
          else if (this.wanted.has(partition)) await owner.settled();
          else await this.keep(owner);
        });
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        const { stage, logger } = this.options;
        logger.warn({ stage, partition, cause: errorText(error) }, "a partition cannot be claimed now; trying again");
      }
    }
  }

  private async keep(owner: PartitionOwner): Promise<void> {
    await owner.settled();
    const released = owner.release();
    if (released !== null) this.options.warm.keep(owner.partition, released);
  }

  /** True when the stage cannot go on for this. */
  private endsWith(error: unknown): boolean {
    if (isPassing(error)) return false;
    this.options.onEnd(error);
    return true;
  }
}

function hasEnded(owner: PartitionOwner | undefined): boolean {
  return owner !== undefined && owner.state.next.offset >= ENDED_AT;
}

function restorePauseMs(attempts: number): number {
  return backOffMs(RESTORE_PAUSE_MS_MIN, LIMITS.stageRetryDelayMsMax, attempts - 1);
}

/** False for what comes again however often the partition is restored. */
function isPassing(error: unknown): boolean {
  return isMillraceError(error) && error.retry !== "never";
}
