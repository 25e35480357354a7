import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { functionsStageName } from "../core/functions-stage.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE } from "../core/stage.ts";
import { stateOf } from "./kept-state.ts";
import type { Canary } from "../core/canary.ts";
import type { Rollout, RolloutOutcome, RolloutPlan } from "../core/rollout.ts";
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

/**
 * The version runs from here on, everywhere; a canary that ran has ended, well if it was this one. `before`: what runs now. In another stage it is
 * taken back there, with its state.
 */
export async function goLive(
  change: Change,
  row: VersionRow,
  before: VersionRow | null,
  action: string,
): Promise<void> {
  const { name, version, stage } = row;
  const moves = before !== null && before.stage !== stage;
  const isPromoted = (canary: RolloutRow): boolean => canary.version === version && !moves;
  await endCanary(change, name, (canary) => (isPromoted(canary) ? "promoted" : "replaced"), "");
  await setStage(change, row);
  const left = before === null || moves ? null : await stateOf(change, before);
  const runs = { version, state_of: row.state_version === null ? left : version };
  await change.trx
    .insertInto("functions")
    .values({ name, ...runs })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(runs))
    .execute();
  const instead = before === null ? "" : ` instead of ${before.version}`;
  const isOwn = stage !== FUNCTIONS_STAGE.name;
  const where = moves ? `, in stage ${stage} instead of ${before.stage}` : isOwn ? `, in stage ${stage}` : "";
  change.audit(action, `function ${name}`, `version ${version}${instead}${where}`);
  if (moves) takeFrom(change, functionsStageName(before.stage), name, before.version);
  // First where it joins: what sends there is to find it.
  if (row.kind === "join") tell(change, row, JOINS_STAGE.name);
  tell(change, row, functionsStageName(stage));
  if (before?.kind === "join" && row.kind !== "join") takeFrom(change, JOINS_STAGE.name, name, before.version);
}

/** Of all its versions: whichever comes next, also after an undeploy, runs there. Those that are joins have none of their own. */
async function setStage({ trx }: Change, { name, stage }: VersionRow): Promise<void> {
  await trx
    .updateTable("function_versions")
    .set({ stage })
    .where("name", "=", name)
    .where("kind", "!=", "join")
    .execute();
}

/** `stage`: its name in the log. */
export function takeFrom(change: Change, stage: string, name: string, version: number): void {
  change.control(null, (revision) => {
    const none = { name, version, hash: "", code: "" };
    return { v: 1, kind: "deploy", revision, stage, removed: true, function: none };
  });
}

/** Tells every partition of the stage, by its name in the log, what runs: the version, and its canary where there is one. */
function tell(change: Change, { name, version, hash, code }: VersionRow, stage: string, canary?: Canary): void {
  const deployed = { name, version, hash, code };
  const beside = canary === undefined ? {} : { canary };
  change.control(null, (revision) => {
    return { v: 1, kind: "deploy", revision, stage, removed: false, function: deployed, ...beside };
  });
}

/** INVALID_INPUT where nothing runs that it could be compared with. */
export async function beginCanary(
  change: Change,
  row: VersionRow,
  live: VersionRow | null,
  { shares, stepMs }: RolloutPlan,
): Promise<void> {
  const { name, version } = row;
  if (live === null) throw noCanary(`no version of function "${name}" runs, so there is nothing to compare it with`);
  if (live.version === version) throw noCanary(`${name}@${version} is what runs already`);
  if (live.stage !== row.stage) throw noCanary(`what ${name} keeps in stage ${live.stage} does not go to ${row.stage}`);
  if (live.kind === "join" || row.kind === "join")
    throw noCanary(`${name} joins devices, of which only some would be in`);
  await endCanary(change, name, () => "replaced", "");
  await setStage(change, row);
  const rollout = { version, live: live.version, shares: JSON.stringify(shares), step: 0, step_ms: stepMs };
  const begun = { ...rollout, since: change.at, outcome: null, reason: "" };
  await change.trx
    .insertInto("rollouts")
    .values({ name, ...begun })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(begun))
    .execute();
  const share = (shares[0] ?? 0) / 100;
  change.audit("canary.begun", `function ${name}`, `version ${version} beside ${live.version}, ${share} %`);
  await tellCanary(change, { name, ...begun });
}

function noCanary(text: string): MillraceError {
  return new MillraceError("INVALID_INPUT", `${text}: a canary cannot run`, { remedy: "Deploy it without --canary." });
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
  tell(change, live, functionsStageName(live.stage));
  return live;
}

/** Tells the partitions at which share the canary runs now. */
export async function tellCanary(change: Change, rollout: RolloutRow): Promise<void> {
  const { name, version, step } = rollout;
  const { hash, code } = await versionRow(change, name, version);
  const live = await versionRow(change, name, (await liveVersion(change, name)) ?? rollout.live);
  const share = rolloutOf(rollout).shares[step] ?? 1;
  tell(change, live, functionsStageName(live.stage), { version, hash, code, share });
}

export function rolloutOf({ shares, step_ms: stepMs, ...row }: RolloutRow): Rollout {
  return { ...row, shares: sharesSchema.parse(JSON.parse(shares)), stepMs };
}
