import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { functionsStageName } from "../core/functions-stage.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE } from "../core/stage.ts";
import type { DeployedBundle, FunctionInput, FunctionStore, FunctionVersionInfo } from "../core/function-store.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import type { RolloutPlan } from "../core/rollout.ts";
import { checkState } from "./kept-state.ts";
import { checkStages, liveStages, liveVersions, readStageSettings, settleStage } from "./function-stages.ts";
import type { Queries } from "./schema.ts";
import {
  beginCanary,
  dropCanary,
  endCanary,
  goLive,
  liveVersion,
  runningCanary,
  takeFrom,
  type VersionRow,
} from "./live-versions.ts";
import { functionNotFound, requireFunction } from "./not-found.ts";
import { versionCode } from "./version-code.ts";
import { storableText } from "./storable-text.ts";

const SHOWN = [
  "function_versions.name",
  "function_versions.version",
  "kind",
  "hash",
  "code_bytes",
  "created_at",
  "created_by",
  "stage",
] as const;

/** Versions are numbered per function; the same code has the same number. Every change tells the partitions of the users' stage. */
export function createFunctionStore(db: Queries, write: ChangeWriter): FunctionStore {
  return {
    async deploy(bundle, actor, canary) {
      const bytes = Buffer.byteLength(JSON.stringify(bundle.code));
      if (bytes > LIMITS.functionCodeBytesMax) {
        throw new MillraceError(
          "INVALID_INPUT",
          `the code is ${bytes} bytes; ${LIMITS.functionCodeBytesMax} are allowed`,
        );
      }
      return write(actor, async (change) => {
        const made: FunctionVersionInfo[] = [];
        for (const fn of bundle.functions) made.push(await deployOne(change, bundle, fn, actor, canary));
        await checkCount(change);
        await checkStages(change);
        await settleStage(change, bundle);
        return made;
      });
    },
    async versions(name) {
      const base = db
        .selectFrom("function_versions")
        .leftJoin("functions", (join) =>
          join
            .onRef("functions.name", "=", "function_versions.name")
            .onRef("functions.version", "=", "function_versions.version"),
        )
        .select(SHOWN)
        .select("functions.version as live")
        .orderBy("function_versions.name")
        .orderBy("function_versions.version", "desc");
      const rows = await (name === undefined ? base : base.where("function_versions.name", "=", name)).execute();
      if (rows.length === 0 && name !== undefined) throw functionNotFound(name);
      return rows.map(({ live, ...row }) => infoOf(row, live !== null));
    },
    code: (name, version) => versionCode(db, name, version),
    async rollback(name, version, actor) {
      return write(actor, async (change) => {
        const live = await rollback(change, name, version);
        await checkStages(change);
        return live;
      });
    },
    undeploy: (name, actor) => write(actor, (change) => undeploy(change, name)),
    stages: () => liveStages(db),
    stageSettings: () => readStageSettings(db),
    async runsJoin() {
      const row = await liveVersions(db).where("kind", "=", "join").select("functions.name").executeTakeFirst();
      return row !== undefined;
    },
  };
}

async function deployOne(
  change: Change,
  bundle: DeployedBundle,
  fn: FunctionInput,
  actor: string,
  canary: RolloutPlan | undefined,
): Promise<FunctionVersionInfo> {
  const { trx } = change;
  const all = await trx.selectFrom("function_versions").selectAll().where("name", "=", fn.name).execute();
  const live = await liveVersion(change, fn.name);
  const liveRow = all.find(({ version }) => version === live) ?? null;
  const known = all.find(({ hash }) => hash === bundle.hash);
  const newest = Math.max(0, ...all.map(({ version }) => version));
  const row: VersionRow = known ?? {
    name: fn.name,
    version: newest + 1,
    kind: fn.kind,
    hash: bundle.hash,
    code: bundle.code,
    code_bytes: Buffer.byteLength(bundle.code),
    state_version: fn.state?.version ?? null,
    state_shape: fn.state?.shape ?? null,
    created_at: change.at,
    created_by: storableText(actor),
    stage: FUNCTIONS_STAGE.name,
  };
  const last = liveRow ?? all.find(({ version }) => version === newest);
  const stage = bundle.stage ?? last?.stage ?? row.stage;
  if (fn.kind === "join" && stage !== FUNCTIONS_STAGE.name) throw joinOfOwnStage(fn.name, stage);
  if (liveRow?.stage === stage) await checkState(change, all, liveRow, row);
  if (known === undefined) await trx.insertInto("function_versions").values(row).execute();
  if (canary !== undefined) {
    await beginCanary(change, { ...row, stage }, liveRow, canary);
    return infoOf({ ...row, stage }, false);
  }
  // Also when it is live already: a log that was lost and is new does not know it.
  await goLive(change, { ...row, stage }, liveRow, "function.deployed");
  return infoOf({ ...row, stage }, true);
}

async function rollback(change: Change, name: string, wanted: number | null): Promise<FunctionVersionInfo> {
  const live = await liveVersion(change, name);
  const canary = await runningCanary(change, name);
  if (wanted === null && canary !== null) return infoOf(await dropCanary(change, canary, ""), true);
  const all = await change.trx
    .selectFrom("function_versions")
    .selectAll()
    .where("name", "=", name)
    .orderBy("version", "desc")
    .execute();
  if (all.length === 0) throw functionNotFound(name);
  const row = all.find(({ version }) => (wanted === null ? live !== null && version < live : version === wanted));
  if (row === undefined) {
    const what = wanted === null ? "no version before the live one" : `no version ${wanted}`;
    throw new MillraceError("NOT_FOUND", `function "${name}" has ${what}`, {
      remedy: `Versions that there are: ${all.map(({ version }) => version).join(", ")}. Choose one with --to.`,
    });
  }
  const liveRow = all.find(({ version }) => version === live) ?? null;
  if (liveRow !== null) await checkState(change, all, liveRow, row);
  // A join has no stage of its own, whatever has run under its name since.
  const next = { ...row, stage: row.kind === "join" ? FUNCTIONS_STAGE.name : (liveRow?.stage ?? row.stage) };
  // Also when it is live already, as with a deploy.
  await goLive(change, next, liveRow, "function.rolled-back");
  if (liveRow === null) await checkCount(change);
  return infoOf(next, true);
}

async function undeploy(change: Change, name: string): Promise<void> {
  const { trx } = change;
  const live = await liveVersion(change, name);
  const stage = (await liveStages(trx)).get(name);
  if (live === null || stage === undefined) {
    await requireFunction(trx, name);
    throw new MillraceError("NOT_FOUND", `no version of function "${name}" runs`, { remedy: "See millrace versions." });
  }
  await endCanary(change, name, () => "replaced", "");
  const row = await liveVersions(trx).where("functions.name", "=", name).select("kind").executeTakeFirst();
  await trx.deleteFrom("functions").where("name", "=", name).execute();
  change.audit("function.undeployed", `function ${name}`, `version ${live}`);
  takeFrom(change, functionsStageName(stage), name, live);
  if (row?.kind === "join") takeFrom(change, JOINS_STAGE.name, name, live);
}

async function checkCount({ trx }: Change): Promise<void> {
  const { count } = await trx
    .selectFrom("functions")
    .select((eb) => eb.fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  if (Number(count) <= LIMITS.functionsMax) return;
  const text = `${Number(count)} functions would run; ${LIMITS.functionsMax} are allowed`;
  throw new MillraceError("LIMIT_EXCEEDED", text, { remedy: "Undeploy what is not needed." });
}

function infoOf(row: Omit<VersionRow, "code" | "state_version" | "state_shape">, live: boolean): FunctionVersionInfo {
  return {
    name: row.name,
    version: row.version,
    kind: row.kind,
    hash: row.hash,
    codeBytes: row.code_bytes,
    createdAt: row.created_at,
    createdBy: row.created_by,
    live,
    stage: row.stage,
  };
}

function joinOfOwnStage(name: string, stage: string): MillraceError {
  const text = `function "${name}" is a join, which has no stage of its own such as "${stage}"`;
  return new MillraceError("INVALID_INPUT", text, {
    remedy: `Deploy it with --stage ${FUNCTIONS_STAGE.name}: what it joins meets in the stage ${JOINS_STAGE.name}.`,
  });
}
