import { errorText, isMillraceError, MillraceError } from "../../core/errors.ts";
import { within } from "../deadline.ts";
import { superviseThread } from "./supervised-thread.ts";
import type { PooledWorker } from "../../runtime/autoscaler/worker-pool.ts";
import type { SpawnedThread } from "./spawn-thread.ts";
import type { RunningThread, SupervisedThread, SupervisedThreadOptions, ThreadStart } from "./supervised-thread.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

export type SeatThread = Pick<SpawnedThread<ProcessorsApi>, "call"> & Pick<RunningThread, "worker">;

export interface FunctionsSeatOptions<Thread extends SeatThread> extends Omit<SupervisedThreadOptions, "spawn"> {
  /** Starts a thread without partitions. `ended` resolves with what it dies of. */
  readonly spawn: (start: ThreadStart) => { readonly thread: Thread; readonly ended: Promise<Error | null> };
}

const END_MS = 10_000;

/** A place for a thread of users' functions: when its thread ends, another one takes what it had. */
export class FunctionsSeat<Thread extends SeatThread> implements PooledWorker {
  /** Null while it has none that works. */
  thread: Thread | null = null;
  private readonly options: FunctionsSeatOptions<Thread>;
  private readonly supervised: SupervisedThread;
  private readonly owned = new Set<number>();
  /** Of threads of the seat that ended, as they last said. */
  private earlierBusySeconds = 0;
  private lastBusySeconds = 0;

  constructor(options: FunctionsSeatOptions<Thread>) {
    this.options = options;
    this.supervised = superviseThread({ ...options, spawn: (start) => this.spawn(start) });
  }

  /** Resolves when the first thread has started; it has no partitions. */
  start(): Promise<void> {
    return this.supervised.start();
  }

  /** After a rejection the seat has none of them. */
  async take(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.owned.add(partition);
    try {
      await this.ask((thread) => thread.call("take", partitions));
    } catch (error) {
      for (const partition of partitions) this.owned.delete(partition);
      await this.replace(error);
      throw error;
    }
  }

  async release(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.owned.delete(partition);
    // A thread that has ended owns nothing either.
    await this.ask((thread) => thread.call("release", partitions)).catch((error: unknown) => this.replace(error));
  }

  async busySeconds(): Promise<number> {
    await this.ask(async (thread) => void (this.lastBusySeconds = await thread.call("busySeconds")));
    return this.earlierBusySeconds + this.lastBusySeconds;
  }

  async end(deadlineMs = END_MS): Promise<void> {
    this.supervised.release();
    const late = () => new MillraceError("TIMED_OUT", `not within ${deadlineMs} ms`);
    await this.ask((thread) =>
      within(thread.call("stop", deadlineMs), deadlineMs, late).catch((error: unknown) =>
        this.options.logger.warn({ thread: "functions", cause: errorText(error) }, "a thread did not stop in order"),
      ),
    );
    await this.supervised.terminate();
  }

  /** Nobody knows what a thread owns that has failed: the one that follows has what the seat has. */
  private async replace(cause: unknown): Promise<void> {
    const { logger, name } = this.options;
    logger.warn({ thread: name, cause: errorText(cause) }, "a thread cannot change its partitions; it is replaced");
    await this.thread?.worker.terminate();
  }

  private spawn(start: ThreadStart): RunningThread {
    const { thread, ended } = this.options.spawn(start);
    return {
      worker: thread.worker,
      onEnd: (listener) => {
        void ended.then((error) => {
          this.thread = null;
          this.earlierBusySeconds += this.lastBusySeconds;
          this.lastBusySeconds = 0;
          listener(error);
        });
      },
      start: async () => {
        await thread.call("start");
        this.thread = thread;
        if (this.owned.size > 0) await this.ask((own) => own.call("take", [...this.owned]));
      },
    };
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
}
