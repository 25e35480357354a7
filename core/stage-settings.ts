import { z } from "zod";
import { LIMITS } from "./limits.ts";

/** What keeps a stage of functions apart from everything else: threads, or a process of its own with threads in it. */
export const ISOLATIONS = ["thread", "process"] as const;
export type Isolation = (typeof ISOLATIONS)[number];

const settable = (min: number, max: number) => z.int().min(min).max(max).nullable();

/** What a stage of its own may take. Null: as the settings of the instance say for all. */
export const stageLimitsSchema = z.object({
  callTimeoutMs: settable(LIMITS.stageCallMsMin, LIMITS.stageCallMsMax).describe(
    "CPU time that one call may take, ms, before its thread is ended; null: MILLRACE_FUNCTION_TIMEOUT_MS",
  ),
  memoryMib: settable(LIMITS.stageMemoryMibMin, LIMITS.stageMemoryMibMax).describe(
    "Heap of each of its threads, MiB; null: MILLRACE_FUNCTION_MEMORY_MIB",
  ),
  stateMemoryMib: settable(1, LIMITS.stageMemoryMibMax).describe(
    "Memory that state may take in each of them, MiB; null: MILLRACE_STATE_MEMORY_MIB",
  ),
});
export type StageLimits = z.infer<typeof stageLimitsSchema>;

/** Those that a deploy names. */
export type NamedLimits = { readonly [Name in keyof StageLimits]?: StageLimits[Name] | undefined };

export const stageSettingsSchema = stageLimitsSchema.extend({ isolation: z.enum(ISOLATIONS) });
export type StageSettings = z.infer<typeof stageSettingsSchema>;

export const NO_STAGE_LIMITS: StageLimits = { callTimeoutMs: null, memoryMib: null, stateMemoryMib: null };

/** Of a stage of which nothing was said. */
export const DEFAULT_STAGE_SETTINGS: StageSettings = { isolation: "thread", ...NO_STAGE_LIMITS };
