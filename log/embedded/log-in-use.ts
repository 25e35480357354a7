import { open } from "lmdb";
import { MillraceError } from "../../core/errors.ts";

/** A row of LMDB's table of readers begins with a process id. */
const READER = /^\s*\d+ /m;

/**
 * DATA_DIRECTORY_LOCKED when a process has the log open, however its lock file came to be lost: LMDB counts its readers in a file that
 * the first one to open it empties, and clears those whose process has ended. A process that has the log open reads it, this one has
 * not yet. Nothing is written.
 */
export async function refuseLogInUse(file: string): Promise<void> {
  const root = open({ path: file, readOnly: true, overlappingSync: false, eventTurnBatching: false });
  const readers = root.readerList();
  await root.close();
  if (!READER.test(readers)) return;
  throw new MillraceError("DATA_DIRECTORY_LOCKED", `another Millrace is using ${file}`, {
    remedy:
      "stop the other one (an instance, or a backtest, record or dev that reads its log), or name another directory with --data",
  });
}
