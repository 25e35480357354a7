import { LIMITS } from "../../core/limits.ts";
import { confined } from "../functions/in-process.ts";
import type { FunctionRunRequest, FunctionRunResult } from "./function-run.ts";

/** Users' code that never comes back, or takes all memory, must end with its thread. TIMED_OUT, FUNCTION_INVALID. */
export function runInProcess(
  request: FunctionRunRequest,
  { whyRunMsMax }: { readonly whyRunMsMax: number } = LIMITS,
): Promise<FunctionRunResult> {
  const over = `run again over ${request.records.length} records`;
  return confined<FunctionRunResult>(
    {
      module: new URL("../threads/why.ts", import.meta.url),
      name: "why",
      msMax: whyRunMsMax,
      megabytes: LIMITS.whyRunMemoryMibMax,
      late: {
        text: `${request.function}, ${over}, has not ended within ${whyRunMsMax / 1000} s`,
        remedy: "Ask for an earlier output, which is made of fewer.",
      },
      broken: { text: `${request.function} cannot be run again`, remedy: "Try it with millrace backtest FILE." },
    },
    request,
  );
}
