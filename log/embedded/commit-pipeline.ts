import { performance } from "node:perf_hooks";
import { LIMITS } from "../../core/limits.ts";
import { CommitGroup } from "./commit-group.ts";
import { CommitPace } from "./commit-pace.ts";
import { WriterPool } from "./writer-pool.ts";
import type { MillraceError } from "../../core/errors.ts";
import type { AppendWaiter } from "../../core/event-log.ts";

/** The shortest timer that Node has. */
const LINGER_STEP_MS = 1;

/**
 * Group commit: one group is being written, the next one collects. When nothing is being written a group leaves at the end of the
 * event loop's turn; under load it lingers, the longer the more comes, up to `lingerMsMax`.
 */
export class CommitPipeline {
  private readonly write: (group: CommitGroup) => Promise<MillraceError | null>;
  private readonly writerPool = new WriterPool();
  private readonly queue: CommitGroup[] = [];
  private collecting: CommitGroup;
  private writing = false;
  private scheduled = false;
  private maintenance = false;
  private lingerTimer: NodeJS.Timeout | null = null;
  private readonly nowMs: () => number;
  private readonly pace: CommitPace;
  private readonly idleWaiters: (() => void)[] = [];

  /**
   * `write` makes the group durable; it resolves with the error when it could not, and then nothing of the group is in the log. `nowMs`:
   * monotonic.
   */
  constructor(write: (group: CommitGroup) => Promise<MillraceError | null>, nowMs = () => performance.now()) {
    this.write = write;
    this.nowMs = nowMs;
    this.pace = new CommitPace(nowMs);
    this.collecting = new CommitGroup(this.writerPool);
  }

  /** Bytes that wait for their commit, those being written not counted. */
  get queuedBytes(): number {
    let bytes = this.collecting.bytes;
    for (const group of this.queue) bytes += group.bytes;
    return bytes;
  }

  /** The group that takes a request of about this many bytes; it leaves after this turn of the event loop at the earliest. */
  groupFor(bytes: number): CommitGroup {
    if (this.collecting.arrivals > 0 && this.collecting.bytes + bytes > LIMITS.groupCommitBytesMax) {
      this.queue.push(this.collecting);
      this.collecting = new CommitGroup(this.writerPool);
    }
    this.schedule();
    return this.collecting;
  }

  /** Runs a group even if nobody asked for one: for retention. */
  requestMaintenance(): void {
    this.maintenance = true;
    this.schedule();
  }

  /** Fails what waits. What is being written still gets its answer. */
  abandon(error: MillraceError): void {
    this.maintenance = false;
    this.failWaiting([], error);
  }

  /** Resolves when nothing is queued or being written. */
  async idle(): Promise<void> {
    if (!this.writing && !this.hasWork()) return;
    this.leaveNow();
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  private hasWork(): boolean {
    return this.queue.length > 0 || this.collecting.arrivals > 0 || this.maintenance;
  }

  private schedule(): void {
    if (this.writing) return;
    if (this.scheduled) {
      if (this.isFull()) this.leaveNow();
      return;
    }
    this.scheduled = true;
    setImmediate(() => {
      const now = this.nowMs();
      this.linger(now, now + this.pace.lingerMs());
    });
  }

  /**
   * Waits until `deadline` for company, but not when nobody came for a while: then all who could are waiting themselves. Nor with a unit: all
   * of its stage's come together, and somebody waits for what they hold. Retention waits for the first to come: a commit of its own would be in
   * the way of those who come while it is written.
   */
  private linger(from: number, deadline: number): void {
    // What waited has failed meanwhile.
    if (!this.hasWork()) return this.rest();
    const { arrivals } = this.collecting;
    const now = this.nowMs();
    if (
      this.isFull() ||
      this.collecting.journalWrites.length > 0 ||
      this.idleWaiters.length > 0 ||
      now + LINGER_STEP_MS > deadline ||
      now < from
    ) {
      void this.leave();
      return;
    }
    this.lingerTimer = setTimeout(() => {
      this.lingerTimer = null;
      if (this.collecting.arrivals === arrivals && arrivals > 0) void this.leave();
      else this.linger(now, deadline);
    }, LINGER_STEP_MS);
  }

  private isFull(): boolean {
    return this.queue.length > 0 || this.collecting.bytes >= LIMITS.groupCommitBytesMax / 2;
  }

  private leaveNow(): void {
    if (this.lingerTimer === null) return;
    clearTimeout(this.lingerTimer);
    this.lingerTimer = null;
    setImmediate(() => void this.leave());
  }

  private async leave(): Promise<void> {
    this.writing = true;
    this.maintenance = false;
    const group = this.queue.shift() ?? this.takeCollecting();
    this.pace.left(group.arrivals);
    const error = await this.write(group);
    group.release();
    if (error === null) for (const request of group.requests) request.landed();
    else this.failWaiting([group], error);
    this.pace.landed(this.collecting.arrivals);
    this.writing = false;
    this.rest();
    if (this.hasWork()) this.schedule();
  }

  /** Nothing is written, and nothing is about to be. */
  private rest(): void {
    this.scheduled = false;
    if (this.hasWork()) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private takeCollecting(): CommitGroup {
    const group = this.collecting;
    this.collecting = new CommitGroup(this.writerPool);
    return group;
  }

  /** What waits behind a group that failed fails with it: its callers count on their order. */
  private failWaiting(first: readonly CommitGroup[], error: MillraceError): void {
    const waiting = [...this.queue.splice(0), this.takeCollecting()];
    const requests: AppendWaiter[] = [...first, ...waiting].flatMap((failed) => failed.requests);
    for (const failed of waiting) failed.release();
    for (const request of requests) request.failed(error);
  }
}
