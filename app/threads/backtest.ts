import { parentPort, workerData } from "node:worker_threads";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { backtestPart } from "../functions/backtest-part.ts";
import { openLogPart } from "../functions/history/log-history.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { BacktestPart } from "../functions/backtest-report.ts";
import type { DeviceConfiguration, LogExtent, TimeRange } from "../functions/history/reading-history.ts";

export interface BacktestThreadData {
  readonly code: string;
  /** The partitions that are this thread's. */
  readonly log: LogExtent;
  readonly configuration: DeviceConfiguration;
  readonly range: TimeRange;
  /** Not 0 when nobody wants its part any more. */
  readonly stop: Int32Array<SharedArrayBuffer>;
}

/** What the thread says before it ends. A programmer's error ends it instead. */
export type BacktestThreadAnswer =
  | { readonly part: BacktestPart }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly remedy: string | undefined } };

async function work({ code, log, configuration, range, stop }: BacktestThreadData): Promise<BacktestThreadAnswer> {
  try {
    // It is closed with the thread: LMDB's close throws into one that is being terminated, which takes the process with it.
    const history = await openLogPart(log, configuration);
    return { part: await backtestPart(loadFunctions(code), history, range, () => goOn(stop)) };
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return { error: { code: error.code, message: error.message, remedy: error.remedy } };
  }
}

function goOn(stop: Int32Array<SharedArrayBuffer>): null {
  if (Atomics.load(stop, 0) !== 0) throw new MillraceError("THREAD_ENDED", "another thread of the backtest has failed");
  return null;
}

parentPort?.postMessage(await work(workerData as BacktestThreadData));
