import { SourceMap } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLogger, type Logger } from "../../core/logger.ts";
import { builtThreads } from "../thread-bundle/built-threads.ts";
import { bundleFunctions, type FunctionBundle } from "./bundle.ts";
import { runConfined, type ConfinedEnd } from "./confined-process.ts";
import { loadedOrRefused, type Refusal } from "./check-refusal.ts";
import type { FunctionOutline, LoadedFunctions } from "./check-answer.ts";
import type { ThreadBundle } from "../thread-bundle/thread-bundle.ts";

export interface CheckedFunctions extends FunctionBundle {
  readonly functions: readonly FunctionOutline[];
}

/** What a process for checks is started with: see `ThreadBundle`. */
export interface CheckStart {
  readonly bundle: Pick<ThreadBundle, "entry" | "giveUp">;
  readonly logger: Logger;
}

const OF_COMMANDS: CheckStart = { bundle: builtThreads, logger: silentLogger };
const HOST = new URL("../processes/confined-host.ts", import.meta.url);
const THREAD = new URL("../threads/function-check.ts", import.meta.url);
const BUNDLED_HOST = "confined-host.js";
const BUNDLED_THREAD = "function-check.js";
const WAITS_FACTOR = 3;
const FRAME = /\/function\/bundle\.js:(\d+):(\d+)/;

/**
 * Bundles a file and loads it once, in a process of its own that ends with it. FUNCTION_INVALID, with file, line and column where there are
 * any, when it does not compile, throws, does not come to an end, takes too much memory, ends its process, or exports what is no function.
 */
export async function checkFunctions(
  entry: string,
  loadMsMax: number = LIMITS.functionLoadMsMax,
): Promise<CheckedFunctions> {
  const bundle = await bundleFunctions(entry);
  const loaded = await load(bundle.code, loadMsMax, OF_COMMANDS);
  if ("functions" in loaded) return { ...bundle, functions: loaded.functions };
  const place = placeOf(loaded.stack, bundle.sourceMap, entry) ?? relative(process.cwd(), resolve(entry));
  throw invalid(place, loaded);
}

/** As `checkFunctions`, of code that somebody else has bundled: places are those of the code. */
export async function loadCode(code: string, start: CheckStart = OF_COMMANDS): Promise<LoadedFunctions> {
  const loaded = await load(code, LIMITS.functionLoadMsMax, start);
  if ("functions" in loaded) return loaded;
  const [, line, column] = FRAME.exec(loaded.stack) ?? [];
  throw invalid(line === undefined ? "the code" : `the code:${line}:${column}`, loaded);
}

async function load(
  code: string,
  loadMsMax: number,
  { bundle, logger }: CheckStart,
): Promise<Refusal | LoadedFunctions> {
  const heapMib = LIMITS.functionCheckHeapMib;
  const run = (host: URL, thread: URL) =>
    runConfined(host, {
      thread,
      name: "function-check",
      data: { code },
      announces: true,
      heapMib,
      // Code is not refused because the machine is busy. What waits without using any has longer.
      cpuMsMax: loadMsMax,
      wallMsMax: loadMsMax * WAITS_FACTOR,
      answerBytesMax: LIMITS.functionCheckBytesMax,
    });
  const bundled = bundle.entry(logger);
  let end = bundled === null ? null : await run(new URL(BUNDLED_HOST, bundled), new URL(BUNDLED_THREAD, bundled));
  if (end !== null && isBroken(end)) bundle.giveUp(end.lastWords, logger);
  if (end === null || isBroken(end)) end = await run(HOST, THREAD);
  return loadedOrRefused(end, { heapMib, loadMsMax });
}

function isBroken(end: ConfinedEnd): end is Extract<ConfinedEnd, { outcome: "ended" }> {
  return end.outcome === "ended" && !end.begun;
}

function invalid(place: string, { text, remedy }: Refusal): MillraceError {
  return new MillraceError("FUNCTION_INVALID", `${place}: ${text}`, { remedy });
}

/** `file:line:column` of the topmost frame that is the code's own; null when there is none. */
function placeOf(stack: string, sourceMap: string, entry: string): string | null {
  const [, line, column] = FRAME.exec(stack) ?? [];
  if (line === undefined || column === undefined) return null;
  const found = new SourceMap(JSON.parse(sourceMap)).findEntry(Number(line) - 1, Number(column) - 1);
  if (!("originalSource" in found)) return null;
  const file = relative(process.cwd(), join(dirname(resolve(entry)), found.originalSource));
  return `${file}:${found.originalLine + 1}:${found.originalColumn + 1}`;
}
