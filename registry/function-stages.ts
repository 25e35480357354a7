import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { FUNCTIONS_STAGE } from "../core/stage.ts";
import type { DeployedBundle, Isolation } from "../core/function-store.ts";
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

/** Remembers the isolation that a deploy names of its stage. */
export async function isolate({ trx, audit }: Change, { stage, isolation }: DeployedBundle): Promise<void> {
  if (stage === undefined || isolation === undefined) return;
  await trx
    .insertInto("function_stages")
    .values({ name: stage, isolation })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ isolation }))
    .execute();
  audit("stage.isolated", `stage ${stage}`, isolation);
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

/** Of stages whose isolation was named. */
export async function readIsolations(db: Queries): Promise<ReadonlyMap<string, Isolation>> {
  const rows = await db.selectFrom("function_stages").selectAll().execute();
  return new Map(rows.map(({ name, isolation }) => [name, isolation]));
}
