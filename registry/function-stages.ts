import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { FUNCTIONS_STAGE } from "../core/stage.ts";
import { DEFAULT_STAGE_SETTINGS, stageLimitsSchema } from "../core/stage-settings.ts";
import type { DeployedBundle } from "../core/function-store.ts";
import type { NamedLimits, StageLimits, StageSettings } from "../core/stage-settings.ts";
import type { Change } from "./change-writer.ts";
import type { Queries } from "./schema.ts";

/** The versions that run. */
export function liveVersions(db: Queries) {
  return db
    .selectFrom("functions")
    .innerJoin("function_versions", (join) =>
      join
        .onRef("functions.name", "=", "function_versions.name")
        .onRef("functions.version", "=", "function_versions.version"),
    );
}

/** In which stage each function runs, by name. */
export async function liveStages(db: Queries): Promise<ReadonlyMap<string, string>> {
  const rows = await liveVersions(db).select(["functions.name", "function_versions.stage"]).execute();
  return new Map(rows.map(({ name, stage }) => [name, stage]));
}

/** Remembers what a deploy says of its stage; what it does not name stays. INVALID_INPUT. */
export async function settleStage(change: Change, { stage, isolation, limits = {} }: DeployedBundle): Promise<void> {
  const named = namedLimits(limits);
  if (named.length > 0 && (stage === undefined || stage === FUNCTIONS_STAGE.name)) throw ofSharedStage(stage);
  if (stage === undefined || (isolation === undefined && named.length === 0)) return;
  const before = (await readStageSettings(change.trx)).get(stage) ?? DEFAULT_STAGE_SETTINGS;
  const next: StageSettings = { ...before, ...Object.fromEntries(named), isolation: isolation ?? before.isolation };
  checkMemory(stage, next);
  const row = {
    isolation: next.isolation,
    call_ms: next.callTimeoutMs,
    memory_mib: next.memoryMib,
    state_mib: next.stateMemoryMib,
  };
  await change.trx
    .insertInto("function_stages")
    .values({ name: stage, ...row })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
    .execute();
  if (isolation !== undefined) change.audit("stage.isolated", `stage ${stage}`, isolation);
  if (named.length > 0) {
    change.audit(
      "stage.limited",
      `stage ${stage}`,
      named.map(([name, value]) => `${name} ${value ?? "default"}`).join(", "),
    );
  }
}

function namedLimits(limits: NamedLimits): [name: string, value: number | null][] {
  return Object.entries(stageLimitsSchema.partial().parse(limits)).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, number | null]],
  );
}

/** What holds for all functions of the installation is its operator's to say. */
function ofSharedStage(stage: string | undefined): MillraceError {
  const text =
    stage === undefined
      ? "limits are of a stage, and none is named"
      : `the stage "${stage}" is shared by all, and has the limits of the instance's settings`;
  return new MillraceError("INVALID_INPUT", text, {
    remedy:
      "Name a stage of its own with --stage NAME. For the one that all share, set MILLRACE_FUNCTION_TIMEOUT_MS and MILLRACE_FUNCTION_MEMORY_MIB and start again.",
  });
}

function checkMemory(stage: string, { memoryMib, stateMemoryMib }: StageLimits): void {
  if (memoryMib === null || stateMemoryMib === null || stateMemoryMib < memoryMib) return;
  const text = `state of ${stateMemoryMib} MiB does not fit into the ${memoryMib} MiB that a thread of stage "${stage}" has`;
  throw new MillraceError("INVALID_INPUT", text, {
    remedy: "Give the stage more --memory, or less --state-memory: half of it is usual.",
  });
}

/** LIMIT_EXCEEDED when too many stages of their own would run. */
export async function checkStages({ trx }: Change): Promise<void> {
  const own = new Set([...(await liveStages(trx)).values()].filter((stage) => stage !== FUNCTIONS_STAGE.name));
  if (own.size <= LIMITS.functionStagesMax) return;
  const text = `${own.size} stages of functions would run; ${LIMITS.functionStagesMax} are allowed: ${[...own].toSorted().join(", ")}`;
  throw new MillraceError("LIMIT_EXCEEDED", text, {
    remedy: "Deploy it into one of these, or without --stage into the one that all share.",
  });
}

/** Of stages of which something was said. */
export async function readStageSettings(db: Queries): Promise<ReadonlyMap<string, StageSettings>> {
  const rows = await db.selectFrom("function_stages").selectAll().execute();
  return new Map(
    rows.map(({ name, isolation, call_ms, memory_mib, state_mib }) => [
      name,
      { isolation, callTimeoutMs: call_ms, memoryMib: memory_mib, stateMemoryMib: state_mib },
    ]),
  );
}
