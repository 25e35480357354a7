import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { backtestInThreads } from "../../app/functions/backtest-in-threads.ts";
import { bundleFunctions } from "../../app/functions/bundle.ts";
import { openLogHistory } from "../../app/functions/history/log-history.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { cpuSecondsOf } from "../process-tree.ts";
import { FUNCTION_LOADS } from "../functions/function-loads.ts";
import { writePastLog } from "./past-log.ts";

/** What is backtested: a function of `bench/functions`, over what it has made live, or with nothing stored of it. */
export const PASTS = {
  "map-stored": { load: "map", isStored: true, what: "a `defineMap` over what it has made live: nothing differs" },
  "map-new": { load: "map", isStored: false, what: "a `defineMap` that was never deployed: all differs" },
  window: {
    load: "window",
    isStored: false,
    what: "a tumbling window of 10 s that was never deployed, with all windows open until the end",
  },
} as const;
export const PAST_NAMES = ["map-stored", "map-new", "window"] as const;
export type PastName = (typeof PAST_NAMES)[number];

/** How many threads share the partitions: one, and as many as the command takes of itself. */
export const THREADINGS = ["one", "all"] as const;
export type Threading = (typeof THREADINGS)[number];

export interface BacktestRun {
  /** That the functions were run on. */
  readonly readings: number;
  /** Records in the log, with what was derived. */
  readonly records: number;
  readonly threads: number;
  /** Of the whole process, from opening the log on: all threads, with their start. */
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly differing: number;
}

const FILES = { map: "dew-point.ts", window: "ten-seconds.ts" } as const;
const RANGE = { from: 0, to: Date.UTC(2027, 0, 1) };

/** Backtests once so that code is compiled, in this thread only: others begin with nothing each time. And once measured. */
export async function measureBacktest(name: PastName, readings: number, threading: Threading): Promise<BacktestRun> {
  const { load: loadName, isStored } = PASTS[name];
  const file = fileURLToPath(new URL(`../functions/${FILES[loadName]}`, import.meta.url));
  const { code } = await bundleFunctions(file);
  const data = mkdtempSync(join(tmpdir(), "millrace-backtest-"));
  try {
    await writePastLog(data, FUNCTION_LOADS[loadName], readings, isStored);
    await runOnce(data, code, threading);
    const begun = { cpu: process.cpuUsage(), at: performance.now() };
    const { readings: run, compared, threads } = await runOnce(data, code, threading);
    const differing = compared.changed + compared.new + compared.missing;
    const cpuSeconds = cpuSecondsOf(process.cpuUsage(begun.cpu));
    const seconds = (performance.now() - begun.at) / 1000;
    return { readings: run, records: run + (isStored ? compared.equal : 0), threads, cpuSeconds, seconds, differing };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function runOnce(data: string, code: string, threading: Threading) {
  const history = await openLogHistory(data);
  const threads = threading === "one" ? 1 : null;
  try {
    return await backtestInThreads({ code, functions: loadFunctions(code), history, range: RANGE, threads });
  } finally {
    await history.close();
  }
}
