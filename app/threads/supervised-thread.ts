import { backOffMs } from "../../core/back-off.ts";
import { errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { createCallMarks, readCallMarks } from "./call-marks.ts";
import { CallWatchdog } from "./call-watchdog.ts";
import { HeapWatch, heapCeiling } from "./heap-watch.ts";
import { SuspectList } from "./suspect-list.ts";
import type { Overdue, WatchdogLimits } from "./call-watchdog.ts";
import type { ResourceLimits, Worker } from "node:worker_threads";
import type { Clock } from "../../core/clock.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { FatalErrorClass } from "../../core/verdict.ts";
import type { Suspicions } from "../../runtime/suspects.ts";

/** What a thread of functions is given when it is started. */
export interface ThreadStart {
  readonly marks: SharedArrayBuffer;
  readonly suspicions: Suspicions;
  readonly resourceLimits: ResourceLimits;
}

export interface RunningThread {
  readonly worker: Pick<Worker, "terminate"> & Partial<Pick<Worker, "cpuUsage" | "getHeapStatistics">>;
  /** Called when it has ended, with what it died of, if that is known. */
  onEnd(listener: (error: Error | null) => void): void;
  /** Has it begin to work. Rejects when it cannot; not with what comes of its end. */
  start(): Promise<void>;
}

export interface SupervisedThreadOptions {
  readonly name: string;
  readonly stage: string;
  readonly functionTimeoutMs: number;
  readonly functionMemoryMib: number;
  /** Whether the process has more memory than all its threads may have: then those that are in a call are ended. */
  readonly isOverMemory?: (() => boolean) | undefined;
  /** How long it may do nothing without turning its event loop. */
  readonly silenceMs?: number;
  spawn(start: ThreadStart): RunningThread;
  /** Monotonic milliseconds. */
  readonly monotonic: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFault: ReportFault;
}

export interface SupervisedThread {
  /** Resolves when the first thread has started, or none is to any more. */
  start(): Promise<void>;
  /** To be called before the thread is asked to stop: from then on it is not started again. */
  release(): void;
  /** Ends it. */
  terminate(): Promise<void>;
}

/** How a thread came to its end. */
interface End {
  readonly errorClass: FatalErrorClass;
  readonly error: string;
}

const OUT_OF_MEMORY: End = { errorClass: "OutOfMemory", error: "its thread ran out of memory" };
const RESTART_DELAY_MS_MIN = 100;
/** Deaths in a row after which the next start has to wait: a record that kills takes two. */
const QUICK_RESTARTS = 4;
/** Of what it died of, in a text whose end says what to do. */
const ERROR_CHARACTERS = 300;

/**
 * Keeps a thread of functions going: looks at where it is, ends it when a call takes too long, starts it again however it ended, and gives
 * the next one what the last one died of.
 */
export function superviseThread(options: SupervisedThreadOptions): SupervisedThread {
  const { name, functionTimeoutMs: callMs, functionMemoryMib, monotonic, logger, metrics, onFault } = options;
  const limits = {
    callMs,
    silenceMs: options.silenceMs ?? LIMITS.functionSilenceMsMax,
    lookMs: LIMITS.functionWatchMs,
  };
  const suspects = new SuspectList();
  const stopping = new AbortController();
  const deathsOf = (errorClass: FatalErrorClass) =>
    metrics.counter(
      "millrace_function_thread_deaths_total",
      "Times a thread of functions ended by itself or was ended.",
      { class: errorClass, stage: options.stage },
    );
  const deaths = {
    TimeoutError: deathsOf("TimeoutError"),
    OutOfMemory: deathsOf("OutOfMemory"),
    WorkerDied: deathsOf("WorkerDied"),
  };
  let current: RunningThread["worker"] | null = null;
  let running: Promise<void> = Promise.resolve();
  let inARow = 0;
  let lastEnd = "";

  /** Runs one thread until it ends. `started` is called when it is at work. */
  const runOnce = async (started: () => void): Promise<void> => {
    const marks = createCallMarks();
    // A process of its own is watched as a whole, and V8 may end it.
    const isAlone = options.isOverMemory !== undefined;
    const resourceLimits = isAlone ? { maxOldGenerationSizeMb: functionMemoryMib } : heapCeiling(functionMemoryMib);
    const thread = options.spawn({ marks, suspicions: suspects.all, resourceLimits });
    current = thread.worker;
    const begunAt = monotonic.now();
    let overdue: End | null = null;
    const watchdog = new CallWatchdog(limits);
    const heap = new HeapWatch(thread.worker, functionMemoryMib);
    const cpuMs = cpuClock(thread.worker);
    const looking = setInterval(() => {
      if (inARow > 0 && monotonic.now() - begunAt >= LIMITS.functionSettledMs) {
        inARow = 0;
        onFault(name, "cleared", "");
      }
      const reading = readCallMarks(marks);
      const verdict = watchdog.look(reading, monotonic.now(), cpuMs());
      const isOverMemory = heap.isFull(reading) || (reading.at.call > 0 && options.isOverMemory?.() === true);
      if ((verdict === null && !isOverMemory) || overdue !== null) return;
      overdue = verdict === null ? OUT_OF_MEMORY : timeout(verdict, limits);
      void thread.worker.terminate();
    }, LIMITS.functionWatchMs);
    const ended = Promise.withResolvers<Error | null>();
    thread.onEnd(ended.resolve);
    thread.start().then(started, (cause: unknown) => {
      logger.warn({ thread: name, cause: errorText(cause) }, "a thread of functions did not start");
      void thread.worker.terminate();
    });
    const error = await ended.promise;
    clearInterval(looking);
    if (stopping.signal.aborted) return;
    const { marks: calls, at } = readCallMarks(marks);
    const end: End = overdue ?? endOf(error);
    lastEnd = end.error;
    const fate = suspects.died({ ...end, at: calls === 0 ? null : at });
    deaths[end.errorClass].add();
    inARow += 1;
    logger.error(
      { thread: name, ...end, ...at, record: fate, deaths: inARow, err: error },
      "a thread of functions has ended",
    );
  };

  const loop = async (started: () => void): Promise<void> => {
    while (!stopping.signal.aborted) {
      await runOnce(started);
      if (stopping.signal.aborted) return;
      if (inARow > QUICK_RESTARTS) onFault(name, "raised", restartText(name, inARow, lastEnd));
      await pause(restartDelayMs(inARow), stopping.signal);
    }
  };

  return {
    start() {
      const first = Promise.withResolvers<void>();
      running = loop(first.resolve).finally(first.resolve);
      return first.promise;
    },
    release: () => stopping.abort(),
    async terminate() {
      stopping.abort();
      await current?.terminate();
      await running;
    },
  };
}

/** CPU time that the thread had used when it was asked last, ms; asks anew. A loop without an end answers too. */
function cpuClock(worker: RunningThread["worker"]): () => number | null {
  let known: number | null = null;
  return () => {
    worker.cpuUsage?.().then(
      ({ user, system }) => (known = (user + system) / 1000),
      // It has ended, and whoever waits for that hears of it.
      () => undefined,
    );
    return known;
  };
}

function timeout(overdue: Overdue, { callMs, silenceMs }: WatchdogLimits): End {
  const error =
    overdue === "call"
      ? `it ran for more than ${callMs} ms`
      : `what it left behind kept its thread for more than ${silenceMs} ms`;
  return { errorClass: "TimeoutError", error };
}

/** `error` is what the thread died of; null when it exited. */
function endOf(error: Error | null): End {
  if (error === null) return { errorClass: "WorkerDied", error: "its thread exited" };
  if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return OUT_OF_MEMORY;
  }
  return {
    errorClass: "WorkerDied",
    error: `its thread died: ${error.message}`.slice(0, LIMITS.deadLetterErrorCharactersMax),
  };
}

/** Which function it was is known by its dead letters only: this thread sees a place in the log. */
function restartText(name: string, deaths: number, error: string): string {
  const remedy =
    "millrace dlq ls names the function; deploy a corrected one, or take it back: millrace rollback NAME, millrace undeploy NAME";
  return `the ${name} thread has ended ${deaths} times in a row, last because ${error.slice(0, ERROR_CHARACTERS)}: ${remedy}`;
}

/** None at first: what came of one record must not hold up the next ones. */
function restartDelayMs(inARow: number): number {
  if (inARow <= QUICK_RESTARTS) return 0;
  return backOffMs(RESTART_DELAY_MS_MIN, LIMITS.functionRestartDelayMsMax, inARow - QUICK_RESTARTS);
}
