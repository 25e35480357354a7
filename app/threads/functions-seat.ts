import { errorText, isMillraceError, MillraceError } from "../../core/errors.ts";
import { within } from "../deadline.ts";
import { spawnFunctionsThread } from "./spawn-functions-thread.ts";
import { superviseThread, type RunningThread, type SupervisedThread, type ThreadStart } from "./supervised-thread.ts";
import type { SpawnedThread } from "./spawn-thread.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { PooledWorker } from "../../runtime/autoscaler/worker-pool.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

export interface FunctionsSeatOptions {
  readonly name: string;
  readonly config: Config;
  readonly log: InstallationLog;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFault: ReportFault;
}

const END_MS = 10_000;

/** A place for a thread of users' functions: when its thread ends, another one takes what it had. */
export class FunctionsSeat implements PooledWorker {
  thread: SpawnedThread<ProcessorsApi> | null = null;
  private readonly options: FunctionsSeatOptions;
  private readonly supervised: SupervisedThread;
  private readonly owned = new Set<number>();
  /** Of threads of the seat that ended, as they last said. */
  private earlierBusySeconds = 0;
  private lastBusySeconds = 0;

  constructor(options: FunctionsSeatOptions) {
    this.options = options;
    const { name, config, logger, metrics, onFault } = options;
    this.supervised = superviseThread({
      name,
      functionTimeoutMs: config.functionTimeoutMs,
      functionMemoryMib: config.functionMemoryMib,
      spawn: (start) => this.spawn(start),
      monotonic: { now: () => performance.now() },
      logger,
      metrics,
      onFault,
    });
  }

  /** Resolves when the first thread has started; it has no partitions. */
  start(): Promise<void> {
    return this.supervised.start();
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
    this.supervised.release();
    const late = () => new MillraceError("TIMED_OUT", `not within ${deadlineMs} ms`);
    await this.ask((thread) =>
      within(thread.call("stop", deadlineMs), deadlineMs, late).catch((error: unknown) =>
        this.options.logger.warn({ thread: "functions", cause: errorText(error) }, "a thread did not stop in order"),
      ),
    );
    await this.supervised.terminate();
  }

  private spawn(start: ThreadStart): RunningThread {
    const { config, log } = this.options;
    const { thread, ended } = spawnFunctionsThread({ config, log, partitions: null, memberId: "" }, start);
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
  private async ask(call: (thread: SpawnedThread<ProcessorsApi>) => Promise<void>): Promise<void> {
    if (this.thread === null) return;
    try {
      await call(this.thread);
    } catch (error) {
      if (!isMillraceError(error, "THREAD_ENDED")) throw error;
    }
  }
}
