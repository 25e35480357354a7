import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backtest } from "../../app/functions/backtest.ts";
import { openLogHistory } from "../../app/functions/history/log-history.ts";
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

export interface BacktestRun {
  /** That the functions were run on. */
  readonly readings: number;
  /** Records in the log, with what was derived. */
  readonly records: number;
  /** Of the whole process, from opening the log on. */
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly differing: number;
}

const FOREVER = { from: 0, to: Date.UTC(2027, 0, 1) };

/** Backtests once so that code is compiled, and once measured. */
export async function measureBacktest(name: PastName, readings: number): Promise<BacktestRun> {
  const { load: loadName, isStored } = PASTS[name];
  const load = FUNCTION_LOADS[loadName];
  const data = mkdtempSync(join(tmpdir(), "millrace-backtest-"));
  try {
    await writePastLog(data, load, readings, isStored);
    await runOnce(data, loadName);
    const begun = { cpu: process.cpuUsage(), at: performance.now() };
    const { readings: run, compared } = await runOnce(data, loadName);
    const differing = compared.changed + compared.new + compared.missing;
    const cpuSeconds = cpuSecondsOf(process.cpuUsage(begun.cpu));
    const seconds = (performance.now() - begun.at) / 1000;
    return { readings: run, records: run + (isStored ? compared.equal : 0), cpuSeconds, seconds, differing };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function runOnce(data: string, loadName: "map" | "window") {
  const history = await openLogHistory(data);
  try {
    return await backtest(FUNCTION_LOADS[loadName].stage.functions, history, FOREVER);
  } finally {
    await history.close();
  }
}
