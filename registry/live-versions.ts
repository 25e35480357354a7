import { z } from "zod";
import { FUNCTIONS_STAGE } from "../core/stage.ts";
import type { Canary } from "../core/canary.ts";
import type { Rollout, RolloutOutcome } from "../core/rollout.ts";
import type { Change } from "./change-writer.ts";
import type { Tables } from "./schema.ts";

export type VersionRow = Tables["function_versions"];
type RolloutRow = Tables["rollouts"];

const sharesSchema = z.array(z.number());

/** The number of the version that runs; null when none does. */
export async function liveVersion({ trx }: Change, name: string): Promise<number | null> {
  const row = await trx.selectFrom("functions").select("version").where("name", "=", name).executeTakeFirst();
  return row?.version ?? null;
}

/** The version runs from here on, everywhere; a canary that ran has ended, well if it was this one. */
export async function goLive(change: Change, row: VersionRow, before: number | null, action: string): Promise<void> {
  const { name, version } = row;
  await endCanary(change, name, (canary) => (canary.version === version ? "promoted" : "replaced"), "");
  await change.trx
    .insertInto("functions")
    .values({ name, version })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ version }))
    .execute();
  change.audit(action, `function ${name}`, `version ${version}${before === null ? "" : ` instead of ${before}`}`);
  tell(change, row);
}

/** Tells every partition what runs: the version, and its canary where there is one. */
export function tell(change: Change, { name, version, hash, code }: VersionRow, canary?: Canary): void {
  const deployed = { name, version, hash, code };
  const beside = canary === undefined ? {} : { canary };
  change.control(null, (revision) => {
    return {
      v: 1,
      kind: "deploy",
      revision,
      stage: FUNCTIONS_STAGE.name,
      removed: false,
      function: deployed,
      ...beside,
    };
  });
}

export async function runningCanary({ trx }: Change, name: string): Promise<RolloutRow | null> {
  const row = await trx
    .selectFrom("rollouts")
    .selectAll()
    .where("name", "=", name)
    .where("outcome", "is", null)
    .executeTakeFirst();
  return row ?? null;
}

/** Notes how the canary of the function has ended, if one runs. */
export async function endCanary(
  change: Change,
  name: string,
  outcomeOf: (canary: RolloutRow) => RolloutOutcome,
  reason: string,
): Promise<void> {
  const canary = await runningCanary(change, name);
  if (canary === null) return;
  const outcome = outcomeOf(canary);
  await change.trx
    .updateTable("rollouts")
    .set({ outcome, reason, since: change.at })
    .where("name", "=", name)
    .execute();
  const why = reason === "" ? "" : `: ${reason}`;
  change.audit(`canary.${outcome}`, `function ${name}`, `version ${canary.version}${why}`);
}

export async function versionRow({ trx }: Change, name: string, version: number): Promise<VersionRow> {
  return trx
    .selectFrom("function_versions")
    .selectAll()
    .where("name", "=", name)
    .where("version", "=", version)
    .executeTakeFirstOrThrow();
}

/** Takes the canary back: what was live before goes on. */
export async function dropCanary(change: Change, canary: RolloutRow, reason: string): Promise<VersionRow> {
  const { name } = canary;
  const live = await versionRow(change, name, (await liveVersion(change, name)) ?? canary.live);
  await endCanary(change, name, () => "rolled-back", reason);
  tell(change, live);
  return live;
}

/** Tells the partitions at which share the canary runs now. */
export async function tellCanary(change: Change, rollout: RolloutRow): Promise<void> {
  const { name, version, step } = rollout;
  const { hash, code } = await versionRow(change, name, version);
  const live = await versionRow(change, name, (await liveVersion(change, name)) ?? rollout.live);
  const share = rolloutOf(rollout).shares[step] ?? 1;
  tell(change, live, { version, hash, code, share });
}

export function rolloutOf({ shares, step_ms: stepMs, ...row }: RolloutRow): Rollout {
  return { ...row, shares: sharesSchema.parse(JSON.parse(shares)), stepMs };
}
