import { errorText, isMillraceError, MillraceError } from "../../core/errors.ts";
import { pause } from "../../core/pause.ts";
import { within } from "../deadline.ts";
import type { Logger } from "../../core/logger.ts";
import type { PooledWorker } from "../../runtime/autoscaler/worker-pool.ts";
import type { SpawnedThread } from "./spawn-thread.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

type SeatThread = Pick<SpawnedThread<ProcessorsApi>, "call"> & { readonly worker: { terminate(): Promise<unknown> } };

export interface FunctionsSeatOptions<Thread extends SeatThread> {
  /** Starts a thread without partitions; `onEnd` is told when it ends, however it does. */
  readonly spawn: (onEnd: (error: Error | null) => void) => Thread;
  readonly logger: Logger;
  readonly restartPauseMs?: number;
}

const RESTART_PAUSE_MS = 2000;
const END_MS = 10_000;

/** A place for a thread of users' functions: when its thread ends by itself, another one takes what it had. */
export class FunctionsSeat<Thread extends SeatThread> implements PooledWorker {
  thread: Thread | null = null;
  /** The same, also before it has started. */
  private spawned: Thread | null = null;
  /** Why its last thread ended; null while one works. */
  ended: string | null = null;
  private readonly options: FunctionsSeatOptions<Thread>;
  private readonly owned = new Set<number>();
  private readonly ending = new AbortController();
  /** Of threads of the seat that ended, as they last said. */
  private earlierBusySeconds = 0;
  private lastBusySeconds = 0;
  private running: Promise<void> = Promise.resolve();

  constructor(options: FunctionsSeatOptions<Thread>) {
    this.options = options;
  }

  /** Resolves when the first thread has started; it has no partitions. */
  start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.running = this.keepRunning(resolve);
    return Promise.race([promise, this.running]);
  }

  async take(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.owned.add(partition);
    await this.ask((thread) => thread.call("take", partitions));
  }

  async release(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.owned.delete(partition);
    await this.ask((thread) => thread.call("release", partitions));
  }

  async busySeconds(): Promise<number> {
    await this.ask(async (thread) => void (this.lastBusySeconds = await thread.call("busySeconds")));
    return this.earlierBusySeconds + this.lastBusySeconds;
  }

  async end(deadlineMs = END_MS): Promise<void> {
    this.ending.abort();
    const late = () => new MillraceError("TIMED_OUT", `not within ${deadlineMs} ms`);
    await this.ask((thread) =>
      within(thread.call("stop", deadlineMs), deadlineMs, late).catch((error: unknown) =>
        this.options.logger.warn({ thread: "functions", cause: errorText(error) }, "a thread did not stop in order"),
      ),
    );
    await this.spawned?.worker.terminate();
    await this.running;
  }

  /** What a thread that has ended does not answer, the next one is asked for when it starts. */
  private async ask(call: (thread: Thread) => Promise<void>): Promise<void> {
    if (this.thread === null) return;
    try {
      await call(this.thread);
    } catch (error) {
      if (!isMillraceError(error, "THREAD_ENDED")) throw error;
    }
  }

  private async keepRunning(onStarted: () => void): Promise<void> {
    const { spawn, logger, restartPauseMs = RESTART_PAUSE_MS } = this.options;
    while (!this.ending.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<Error | null>();
      const thread = spawn(resolve);
      this.spawned = thread;
      const begun = thread.call("start").then(() => this.begin(thread, onStarted));
      const error = await Promise.race([begun.then(() => promise), promise]).catch((cause: unknown) => cause);
      this.thread = null;
      this.earlierBusySeconds += this.lastBusySeconds;
      this.lastBusySeconds = 0;
      await thread.worker.terminate();
      if (this.ending.signal.aborted) return;
      this.ended = errorText(error ?? "it exited");
      logger.error({ thread: "functions", err: error }, "a thread of users' functions ended; it starts again");
      await pause(restartPauseMs, this.ending.signal);
    }
  }

  private async begin(thread: Thread, onStarted: () => void): Promise<void> {
    this.thread = thread;
    this.ended = null;
    onStarted();
    if (this.owned.size > 0) await thread.call("take", [...this.owned]);
  }
}
