import { relative } from "node:path";
import { backtestInThreads, threadEnded, type ThreadedReport } from "../functions/backtest-in-threads.ts";
import { bundleFunctions } from "../functions/bundle.ts";
import { placesIn } from "../functions/source-places.ts";
import { openHistory, thenClosed, type HistoryPlace } from "../functions/history/open-history.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { formatFailure } from "./failure.ts";
import { EXIT } from "./output.ts";
import type { StageFunction } from "../../core/function.ts";
import type { BacktestFault } from "../functions/backtest-report.ts";
import type { Difference } from "../functions/comparison.ts";
import type { FunctionBundle } from "../functions/bundle.ts";
import type { ReadingHistory, TimeRange } from "../functions/history/reading-history.ts";

export interface BacktestOptions extends HistoryPlace, TimeRange {
  readonly json: boolean;
  /** Null: as it sees fit. */
  readonly threads: number | null;
}

/** `millrace backtest FILE`: what the functions of a file would have made of the past. */
export async function backtestCommand(file: string, options: BacktestOptions): Promise<number> {
  const bundle = await bundleFunctions(file);
  const functions = loadFunctions(bundle.code);
  const history = await openHistory(options, options.from);
  const { from, to, threads } = options;
  const work = { code: bundle.code, functions, history, range: { from, to }, threads };
  const report = await thenClosed(history, () => saidWhenExited(options.json, () => backtestInThreads(work)));
  const names = functions.map(({ name }) => name);
  if (options.json) console.log(JSON.stringify({ functions: names, place: history.place, ...report }));
  else console.log(reportText({ file, functions, bundle, history, range: options, report }));
  return EXIT.ok;
}

/** A function that ends the process, or has it end with nothing left to do, is told of as one that ends a thread. */
async function saidWhenExited<Result>(json: boolean, run: () => Promise<Result>): Promise<Result> {
  const say = (code: number): void => {
    // A defect of ours, which is said already.
    if (code === EXIT.defect) return;
    console.error(formatFailure(threadEnded(`with the code ${code}`), json));
    process.exitCode = EXIT.usage;
  };
  process.once("exit", say);
  try {
    return await run();
  } finally {
    process.off("exit", say);
  }
}

const FAULTS_SHOWN = 5;

interface Told {
  readonly file: string;
  readonly functions: readonly StageFunction[];
  readonly bundle: FunctionBundle;
  readonly history: ReadingHistory;
  readonly range: TimeRange;
  readonly report: ThreadedReport;
}

function reportText({ file, functions, bundle, history, range, report }: Told): string {
  const { readings, skipped, emitted, aggregates, events, deadLetters, compared, elapsedMs, threads } = report;
  const perSecond = Math.round(readings / Math.max(elapsedMs / 1000, 0.001));
  return [
    `${functions.map(({ name }) => name).join(", ")} of ${relative(process.cwd(), file) || file}`,
    `over ${timeText(range.from)} to ${timeText(range.to)} of ${history.place}`,
    "",
    `readings      ${count(readings)}, ${count(perSecond)} a second in ${threads === 1 ? "1 thread" : `${threads} threads`}; ${count(skipped)} passed by`,
    `emitted       ${count(emitted)} readings, ${count(aggregates)} results of windows, ${count(events)} device events`,
    `dead letters  ${count(deadLetters)}`,
    ...report.faults.slice(0, FAULTS_SHOWN).map((fault) => faultText(fault, bundle, file)),
    `compared      ${count(compared.equal)} values as stored, ${count(compared.changed)} changed, ${count(compared.new)} new, ${count(compared.missing)} missing`,
    ...compared.examples.map(differenceText),
    `outputs       sha256 ${report.hash}`,
    ...(history.isExact
      ? []
      : ["", "The tables do not know when a reading came in, nor who derived it: late readings come in order here."]),
    ...(functions.some(isJoin)
      ? [
          "",
          "What is joined comes in the order in which the gateway received it. Live, a partition may have been behind another: what was late for its partners, or alone, may differ there.",
        ]
      : []),
  ].join("\n");
}

function faultText({ first, count: times }: BacktestFault, { sourceMap }: FunctionBundle, file: string): string {
  const { errorClass, error, stack, device, received } = first;
  const [place = ""] = placesIn(stack, sourceMap, file).split("\n");
  return `  ${count(times)} × ${errorClass}: ${error} ${place}; first of ${device}, received ${timeText(received)}`;
}

function differenceText({ device, ts, metric, stored = "–", emitted = "–" }: Difference): string {
  return `  ${timeText(ts)} ${device} ${metric}: ${stored} → ${emitted}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function count(value: number): string {
  return value.toLocaleString("en");
}
