import { MillraceError } from "../core/errors.ts";
import { dropCanary, goLive, liveVersion, rolloutOf, runningCanary, tellCanary, versionRow } from "./live-versions.ts";
import { requireFunction } from "./not-found.ts";
import type { RolloutStep, RolloutStore } from "../core/rollout.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import type { Queries } from "./schema.ts";

export function createRolloutStore(db: Queries, write: ChangeWriter): RolloutStore {
  return {
    async all() {
      const rows = await db.selectFrom("rollouts").selectAll().orderBy("name").execute();
      return rows.map(rolloutOf);
    },
    advance: (step, actor) => write(actor, (change) => advance(change, step)),
    rollBack: (step, reason, actor) =>
      write(actor, async (change) => {
        const canary = await runningCanary(change, step.name);
        if (canary?.version !== step.version) return false;
        await dropCanary(change, canary, reason);
        return true;
      }),
    promote: (name, actor) =>
      write(actor, async (change) => {
        const canary = await runningCanary(change, name);
        if (canary === null) {
          await requireFunction(change.trx, name);
          throw new MillraceError("NOT_FOUND", `no canary of function "${name}" runs`, {
            remedy: "See millrace versions; begin one with millrace deploy --canary.",
          });
        }
        await makeLive(change, name, canary.version);
        return canary.version;
      }),
  };
}

async function advance(change: Change, { name, version, step }: RolloutStep): Promise<boolean> {
  const canary = await runningCanary(change, name);
  if (canary?.version !== version || canary.step !== step) return false;
  const { shares } = rolloutOf(canary);
  const next = { ...canary, step: step + 1, since: change.at };
  if (next.step >= shares.length) {
    await makeLive(change, name, version);
    return true;
  }
  await change.trx
    .updateTable("rollouts")
    .set({ step: next.step, since: next.since })
    .where("name", "=", name)
    .execute();
  change.audit("canary.advanced", `function ${name}`, `version ${version} to ${(shares[next.step] ?? 0) / 100} %`);
  await tellCanary(change, next);
  return true;
}

async function makeLive(change: Change, name: string, version: number): Promise<void> {
  const before = await liveVersion(change, name);
  const live = before === null ? null : await versionRow(change, name, before);
  const row = await versionRow(change, name, version);
  await goLive(change, { ...row, stage: live?.stage ?? row.stage }, live, "function.deployed");
}
