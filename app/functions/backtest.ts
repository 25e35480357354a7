import { backtestPart } from "./backtest-part.ts";
import { reportOf, type BacktestReport } from "./backtest-report.ts";
import type { StageFunction } from "../../core/function.ts";
import type { ReadingHistory, TimeRange } from "./history/reading-history.ts";

/**
 * Runs functions over readings of the past, into nothing, and compares what they emit with what is stored. They begin with no state, and at the
 * end every device's time moves to the range's end, so that windows up to there close. In this thread.
 */
export async function backtest(
  functions: readonly StageFunction[],
  history: ReadingHistory,
  range: TimeRange,
): Promise<BacktestReport> {
  const begun = performance.now();
  const part = await backtestPart(functions, history, range);
  return { ...reportOf([part]), elapsedMs: performance.now() - begun };
}
