import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { durationOption } from "./rollout-text.ts";
import type { DeployedBundle } from "../../core/function-store.ts";
import type { StageLimits, StageSettings } from "../../core/stage-settings.ts";

export interface StageLimitFlags {
  readonly stage?: string;
  readonly callTimeout?: string;
  readonly memory?: string;
  readonly stateMemory?: string;
}

/** For a limit: as the settings of the instance say. */
const DEFAULT = "default";

/** The limits that a deploy names of its stage; nothing where it names none. INVALID_INPUT. */
export function stageLimitsOf(flags: StageLimitFlags): Pick<DeployedBundle, "limits"> {
  const { stage, callTimeout, memory, stateMemory } = flags;
  const limits: Partial<StageLimits> = {
    ...(callTimeout !== undefined && { callTimeoutMs: callTimeoutOf(callTimeout) }),
    ...(memory !== undefined && { memoryMib: memoryOf("--memory", memory, LIMITS.stageMemoryMibMin) }),
    ...(stateMemory !== undefined && { stateMemoryMib: memoryOf("--state-memory", stateMemory, 1) }),
  };
  if (Object.keys(limits).length === 0) return {};
  if (stage === undefined) {
    throw new MillraceError("INVALID_INPUT", "limits are of a stage, and none is named", {
      remedy:
        "Add --stage NAME. For functions that share a stage, set MILLRACE_FUNCTION_TIMEOUT_MS and MILLRACE_FUNCTION_MEMORY_MIB.",
    });
  }
  return { limits };
}

function callTimeoutOf(text: string): number | null {
  if (text === DEFAULT) return null;
  const ms = durationOption("--call-timeout", text);
  const { stageCallMsMin: min, stageCallMsMax: max } = LIMITS;
  if (ms >= min && ms <= max) return ms;
  throw new MillraceError("INVALID_INPUT", `--call-timeout ${text} is not allowed`, {
    remedy: `Give from ${min}ms to ${max / 1000}s: while a call runs, its partition waits for it.`,
  });
}

function memoryOf(option: string, text: string, min: number): number | null {
  if (text === DEFAULT) return null;
  const mib = Number(text);
  const { stageMemoryMibMax: max } = LIMITS;
  if (/^\d+$/.test(text) && mib >= min && mib <= max) return mib;
  throw new MillraceError("INVALID_INPUT", `${option} ${text} is not allowed`, {
    remedy: `Give a whole number of MiB from ${min} to ${max}.`,
  });
}

/** `2 s a call, 512 MiB a thread`; empty where nothing but defaults holds. */
export function stageSettingsText({ isolation, callTimeoutMs, memoryMib, stateMemoryMib }: StageSettings): string {
  return [
    ...(isolation === "process" ? ["a process of its own"] : []),
    ...(callTimeoutMs === null ? [] : [`${callTimeoutMs / 1000} s of CPU a call`]),
    ...(memoryMib === null ? [] : [`${memoryMib} MiB of heap a thread`]),
    ...(stateMemoryMib === null ? [] : [`${stateMemoryMib} MiB of state a thread`]),
  ].join(", ");
}
