import { parentPort, workerData } from "node:worker_threads";
import { isMillraceError } from "../../core/errors.ts";
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
}

/** What the thread says before it ends. A programmer's error ends it instead. */
export type BacktestThreadAnswer =
  | { readonly part: BacktestPart }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly remedy: string | undefined } };

async function work({ code, log, configuration, range }: BacktestThreadData): Promise<BacktestThreadAnswer> {
  try {
    const history = await openLogPart(log, configuration);
    // From here on it may be ended; no code of users has run before.
    parentPort?.postMessage(null);
    try {
      return { part: await backtestPart(loadFunctions(code), history, range) };
    } finally {
      await history.close();
    }
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return { error: { code: error.code, message: error.message, remedy: error.remedy } };
  }
}

parentPort?.postMessage(await work(workerData as BacktestThreadData));
