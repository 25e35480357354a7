import { Worker } from "node:worker_threads";
import { MillraceError, errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { confinedTo } from "../functions/confined-memory.ts";
import type { FunctionRunRequest, FunctionRunResult } from "./function-run.ts";

/** Users' code that never comes back, or takes all memory, must end with its thread. TIMED_OUT, FUNCTION_INVALID. */
export async function runInThread(
  request: FunctionRunRequest,
  { whyRunMsMax }: { readonly whyRunMsMax: number } = LIMITS,
): Promise<FunctionRunResult> {
  const worker = new Worker(new URL("../threads/why.ts", import.meta.url), {
    name: "why",
    workerData: request,
    resourceLimits: confinedTo(LIMITS.whyRunMemoryMibMax),
  });
  const { promise, resolve, reject } = Promise.withResolvers<FunctionRunResult>();
  const timer = setTimeout(() => {
    const text = `${request.function}, run again over ${request.records.length} records, has not ended within ${whyRunMsMax / 1000} s`;
    reject(new MillraceError("TIMED_OUT", text, { remedy: "Ask for an earlier output, which is made of fewer." }));
  }, whyRunMsMax);
  worker.on("message", resolve);
  worker.on("error", (cause) => {
    const text = `${request.function} cannot be run again: ${errorText(cause)}`;
    reject(new MillraceError("FUNCTION_INVALID", text, { cause, remedy: "Try it with millrace backtest FILE." }));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
