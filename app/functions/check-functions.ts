import { SourceMap } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { MillraceError, errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { bundleFunctions, type FunctionBundle } from "./bundle.ts";
import { confinedTo } from "./confined-memory.ts";
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
  const answer = await load(bundle.code, basename(entry), loadMsMax);
  if ("functions" in answer) return { ...bundle, functions: answer.functions };
  const place = placeOf(answer.stack, bundle.sourceMap, entry) ?? relative(process.cwd(), resolve(entry));
  throw new MillraceError("FUNCTION_INVALID", `${place}: ${answer.message}`, { remedy: answer.remedy });
}

async function load(code: string, label: string, loadMsMax: number): Promise<FunctionCheckAnswer> {
  const data: FunctionCheckData = { code };
  const worker = new Worker(new URL("../threads/function-check.ts", import.meta.url), {
    workerData: data,
    resourceLimits: confinedTo(LOAD_MEGABYTES),
  });
  const { promise, resolve, reject } = Promise.withResolvers<FunctionCheckAnswer>();
  let timer: NodeJS.Timeout | undefined;
  const fail = (text: string, cause?: unknown): void =>
    reject(
      new MillraceError("FUNCTION_INVALID", `${label} ${text}`, {
        cause,
        remedy: "A module should only define its functions: look for a loop outside of them.",
      }),
    );
  worker.on("message", (message: FunctionCheckAnswer | null) => {
    // It begins: the thread's own start is not the function's time.
    if (message === null) timer = setTimeout(() => fail(`is not loaded within ${loadMsMax} ms`), loadMsMax);
    else resolve(message);
  });
  worker.on("error", (cause) => fail(`cannot be loaded: ${errorText(cause)}`, cause));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** As `checkFunctions`, of code that somebody else has bundled. */
export async function outlineCode(code: string): Promise<readonly FunctionOutline[]> {
  const answer = await load(code, "the code", LIMITS.functionLoadMsMax);
  if ("functions" in answer) return answer.functions;
  throw new MillraceError("FUNCTION_INVALID", `the code: ${answer.message}`, { remedy: answer.remedy });
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
