import { MillraceError } from "../../core/errors.ts";
import type { ReplayStatus, Replays } from "../../core/replay.ts";

/** Replays that begin and stay so until they are cancelled. */
export function createReplaysDouble(): Replays {
  let status: ReplayStatus | null = null;
  return {
    async start({ function: name, version, from, to, dryRun }) {
      if (status?.state === "running") throw new MillraceError("LIMIT_EXCEEDED", "one runs already");
      const corrections = { changed: 0, added: 0, withdrawn: 0 };
      const counts = { partitions: 1, partitionsDone: 0, records: 0, results: 0, openWindows: 0, deadLetters: 0 };
      const times = { from, to, startedAt: 1, endedAt: null };
      const made = { ...times, ...counts, corrections, function: name, version: version ?? 1, dryRun, hash: null };
      status = { ...made, state: "running", error: null };
      return status;
    },
    status: async () => status,
    async cancel() {
      if (status === null) throw new MillraceError("NOT_FOUND", "none runs");
      status = { ...status, state: "cancelled", endedAt: 2 };
      return status;
    },
  };
}
