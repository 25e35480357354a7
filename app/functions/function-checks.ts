import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { OneAtATime } from "../why/one-at-a-time.ts";
import { loadCode, type CheckStart } from "./check-functions.ts";
import type { DeployedBundle, FunctionStore } from "../../core/function-store.ts";
import type { Config } from "../config.ts";
import type { FunctionOutline, LoadedFunctions } from "./check-answer.ts";

export interface FunctionChecksOptions extends CheckStart {
  readonly config: Pick<Config, "functionMemoryMib" | "partitions">;
  readonly functions: Pick<FunctionStore, "versions" | "stageSettings">;
}

type Where = Pick<DeployedBundle, "stage" | "limits">;

const MIB = 1024 ** 2;
/** Of a thread's heap: state takes half, and loading once more has to fit beside both. */
const KEPT_SHARE = 1 / 4;

/**
 * Checks code that comes in from outside, one at a time, for the threads in which it would run. FUNCTION_INVALID when it cannot be loaded, or keeps more than there
 * is room for; LIMIT_EXCEEDED when too many wait.
 */
export function createFunctionChecks({ config, functions, ...start }: FunctionChecksOptions) {
  const turns = new OneAtATime(LIMITS.functionChecksWaitingMax);

  /** MiB of the smallest thread that is to load it. */
  const memoryOf = async (outlines: readonly FunctionOutline[], { stage, limits }: Where): Promise<number> => {
    const settings = await functions.stageSettings();
    const names = new Set(outlines.map(({ name }) => name));
    const live =
      stage === undefined ? (await functions.versions()).filter((one) => one.live && names.has(one.name)) : [];
    const stages = stage === undefined ? live.map((one) => one.stage) : [stage];
    const given = stages.map((one) => settings.get(one)?.memoryMib ?? config.functionMemoryMib);
    return limits?.memoryMib ?? Math.min(...(given.length === 0 ? [config.functionMemoryMib] : given));
  };

  return (code: string, where: Where = {}): Promise<readonly FunctionOutline[]> =>
    turns.run(async () => {
      const loaded = await loadCode(code, start);
      requireRoom(loaded, await memoryOf(loaded.functions, where), config.partitions);
      return loaded.functions;
    });
}

/** Each partition loads the code once for each of its functions, and a thread may have all partitions. */
function requireRoom({ functions, keptBytes }: LoadedFunctions, memoryMib: number, partitions: number): void {
  const needed = keptBytes * functions.length * partitions;
  const room = memoryMib * KEPT_SHARE;
  if (needed <= room * MIB) return;
  const times = `loaded for ${functions.length} ${functions.length === 1 ? "function" : "functions"} in ${partitions} partitions`;
  const text = `the code: it keeps ${mib(keptBytes)} MiB each time it is loaded; ${times} that is ${mib(needed)} MiB, and ${mib(room * MIB)} of the ${memoryMib} MiB of a thread are for that`;
  throw new MillraceError("FUNCTION_INVALID", text, {
    remedy:
      "Make what it builds when it is loaded smaller, export fewer functions from one file, or give it a stage with more memory (millrace deploy --stage NAME --memory MIB).",
  });
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
