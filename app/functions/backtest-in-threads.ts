import { availableParallelism } from "node:os";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { MillraceError, errorText } from "../../core/errors.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { backtest } from "./backtest.ts";
import { backtestPart } from "./backtest-part.ts";
import { reportOf, type BacktestPart, type BacktestReport } from "./backtest-report.ts";
import { dealPartitions } from "./deal-partitions.ts";
import { openLogPart } from "./history/log-history.ts";
import type { StageFunction } from "../../core/function.ts";
import type { BacktestThreadAnswer, BacktestThreadData } from "../threads/backtest.ts";
import type { DeviceConfiguration, LogExtent, ReadingHistory, TimeRange } from "./history/reading-history.ts";

const THREAD = new URL("../threads/backtest.ts", import.meta.url);

/** What a thread may take to come to the end of a slice, or of loading its modules. */
const STOP_MS = 5000;

export interface BacktestWork {
  /** Of a bundle. */
  readonly code: string;
  /** Those of the code, loaded in this thread. */
  readonly functions: readonly StageFunction[];
  readonly history: ReadingHistory;
  readonly range: TimeRange;
  /** Null: as many as there are cores, and fewer where there is little to do. Never more than partitions that hold something. */
  readonly threads: number | null;
}

export interface ThreadedReport extends BacktestReport {
  /** That it was worked in, this one among them. */
  readonly threads: number;
}

/**
 * A backtest whose partitions are dealt out to threads, of which this one is the first. The report is the same, whatever their number. What is joined meets in
 * one order over all partitions, and what tables hold comes from one connection: that is worked here alone. Errors: those of the history;
 * FUNCTION_INVALID when a thread ends before it is done.
 */
export async function backtestInThreads(work: BacktestWork): Promise<ThreadedReport> {
  const { functions, history, range, threads } = work;
  const begun = performance.now();
  const { log } = history;
  const isDivisible = log !== undefined && !functions.some(isJoin);
  const shares = isDivisible ? dealPartitions(log.partitions, threads, availableParallelism()) : [];
  if (!isDivisible || shares.length < 2) return { ...(await backtest(functions, history, range)), threads: 1 };
  const parts = await workShares(
    work,
    shares.map((partitions) => ({ ...log, partitions })),
  );
  return { ...reportOf(parts), elapsedMs: performance.now() - begun, threads: shares.length };
}

async function workShares(work: BacktestWork, [own, ...others]: readonly LogExtent[]): Promise<BacktestPart[]> {
  const failed = new AbortController();
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const threads = others.map((log) => startThread(work, log, stop));
  const ownPart = own === undefined ? null : workHere(work, own, failed.signal);
  try {
    const parts = await Promise.all([ownPart, ...threads.map(({ part }) => part)]);
    return parts.filter((part) => part !== null);
  } catch (error) {
    failed.abort(error);
    throw error;
  } finally {
    Atomics.store(stop, 0, 1);
    await Promise.all(threads.map((thread) => thread.end()));
    await ownPart?.catch(() => undefined);
  }
}

async function workHere(
  { functions, history, range }: BacktestWork,
  log: LogExtent,
  signal: AbortSignal,
): Promise<BacktestPart> {
  const part = await openLogPart(log, configurationOf(history.configuration, log));
  try {
    return await backtestPart(functions, part, range, async () => {
      // So that this thread hears of others.
      await nextTurn();
      signal.throwIfAborted();
    });
  } finally {
    await part.close();
  }
}

function startThread({ code, history, range }: BacktestWork, log: LogExtent, stop: BacktestThreadData["stop"]) {
  const workerData: BacktestThreadData = {
    code,
    log,
    configuration: configurationOf(history.configuration, log),
    range,
    stop,
  };
  const worker = new Worker(THREAD, { name: "backtest", workerData });
  const { promise: part, resolve, reject } = Promise.withResolvers<BacktestPart>();
  const exited = Promise.withResolvers<void>();
  worker.on("message", (answer: BacktestThreadAnswer) => {
    if ("part" in answer) resolve(answer.part);
    else reject(new MillraceError(answer.error.code, answer.error.message, remedyOf(answer.error.remedy)));
  });
  worker.on("error", (cause: unknown) => reject(threadEnded(errorText(cause), cause)));
  // Behind an answer or an error this says nothing new.
  worker.on("exit", (code) => {
    exited.resolve();
    reject(threadEnded(`with the code ${code}`));
  });
  // LMDB throws into a thread that is terminated in one of its calls, which takes the process with it: only code of users takes so long.
  const end = async (): Promise<void> => {
    const late = new AbortController();
    await Promise.race([exited.promise, sleep(STOP_MS, null, { signal: late.signal }).catch(() => null)]);
    late.abort();
    await worker.terminate();
  };
  return { part, end };
}

/** Of these partitions the devices; of what is not told by partitions all. */
function configurationOf(all: DeviceConfiguration, { partitions }: LogExtent): DeviceConfiguration {
  const { byPartition } = all;
  if (byPartition === undefined) return all;
  const own = partitions.map(({ partition }) => [partition, byPartition.get(partition) ?? []] as const);
  return { ...all, devices: [], byPartition: new Map(own) };
}

function remedyOf(remedy: string | undefined): { readonly remedy?: string } {
  return remedy === undefined ? {} : { remedy };
}

/** Before its part was done. FUNCTION_INVALID. */
export function threadEnded(how: string, cause?: unknown): MillraceError {
  return new MillraceError("FUNCTION_INVALID", `a thread of the backtest has ended before it was done: ${how}`, {
    cause,
    remedy:
      "Look for what ends the process or takes all memory in the functions; where it is what they emit that takes the memory, choose a shorter time with --from and --to, or fewer --threads.",
  });
}
