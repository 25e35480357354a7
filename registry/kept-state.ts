import { MillraceError } from "../core/errors.ts";
import type { Change } from "./change-writer.ts";
import type { Tables } from "./schema.ts";

type VersionRow = Tables["function_versions"];

/** The version whose state devices have while `live` runs: its own, or what one before it has left. Null: no version with state has run. */
export async function stateOf({ trx }: Change, live: VersionRow): Promise<number | null> {
  // A release that does not know of the column may have deployed it.
  if (live.state_version !== null) return live.version;
  const row = await trx.selectFrom("functions").select("state_of").where("name", "=", live.name).executeTakeFirst();
  return row?.state_of ?? null;
}

/** What devices have kept must be readable by the version that goes live, where it keeps something. `all`: those of the function. INVALID_INPUT. */
export async function checkState(
  change: Change,
  all: readonly VersionRow[],
  live: VersionRow,
  next: VersionRow,
): Promise<void> {
  const of = await stateOf(change, live);
  const kept = all.find(({ version }) => version === of);
  if (kept === undefined || kept.state_version === null || next.state_version === null) return;
  const [was, is] = [kept.state_version, next.state_version];
  if (is > was || (is === was && kept.state_shape === next.state_shape)) return;
  const which = kept.version === live.version ? "which runs" : "whose state devices still have";
  const text =
    is === was
      ? `function "${next.name}" keeps another state than version ${kept.version}, ${which}, under the same stateVersion ${is}`
      : `function "${next.name}" knows stateVersion ${is}, but what version ${kept.version} keeps is of ${was}`;
  throw new MillraceError("INVALID_INPUT", text, {
    remedy:
      is === was
        ? `Set stateVersion: ${is + 1}${next.kind === "join" ? ": what it keeps so far meets nothing any more" : " and define migrate(old, fromVersion)"}; or run millrace undeploy ${next.name} first, which forgets the state.`
        : `Run millrace undeploy ${next.name} first, which forgets the state, or deploy a version that knows it.`,
  });
}
