import { once } from "node:events";
import { SourceMap } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { MillraceError, errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { bundleFunctions, type FunctionBundle } from "./bundle.ts";
import type { FunctionCheckAnswer, FunctionCheckData, FunctionOutline } from "../threads/function-check.ts";

export interface CheckedFunctions extends FunctionBundle {
  readonly functions: readonly FunctionOutline[];
}

/** A module that needs more than this to be loaded is not one to run in every partition. */
const LOAD_MEGABYTES = 128;
const FRAME = /\/function\/bundle\.js:(\d+):(\d+)/;

/**
 * Bundles a file and loads it once, in a thread of its own that ends with it. FUNCTION_INVALID, with file, line and column where there are
 * any, when it does not compile, throws, does not come to an end, or exports what is no function.
 */
export async function checkFunctions(
  entry: string,
  loadMsMax: number = LIMITS.functionLoadMsMax,
): Promise<CheckedFunctions> {
  const bundle = await bundleFunctions(entry);
  const answer = await load(bundle.code, entry, loadMsMax);
  if ("functions" in answer) return { ...bundle, functions: answer.functions };
  const place = placeOf(answer.stack, bundle.sourceMap, entry) ?? relative(process.cwd(), resolve(entry));
  throw new MillraceError("FUNCTION_INVALID", `${place}: ${answer.message}`, { remedy: answer.remedy });
}

async function load(code: string, entry: string, loadMsMax: number): Promise<FunctionCheckAnswer> {
  const data: FunctionCheckData = { code };
  const worker = new Worker(new URL("../threads/function-check.ts", import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: LOAD_MEGABYTES },
  });
  try {
    const [answer]: FunctionCheckAnswer[] = await once(worker, "message", { signal: AbortSignal.timeout(loadMsMax) });
    if (answer !== undefined) return answer;
    throw new Error("the thread said nothing");
  } catch (cause) {
    const isLate = cause instanceof Error && cause.name === "AbortError";
    const text = isLate ? `is not loaded within ${loadMsMax} ms` : `cannot be loaded: ${errorText(cause)}`;
    throw new MillraceError("FUNCTION_INVALID", `${basename(entry)} ${text}`, {
      cause,
      remedy: "A module should only define its functions: look for a loop outside of them.",
    });
  } finally {
    await worker.terminate();
  }
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
