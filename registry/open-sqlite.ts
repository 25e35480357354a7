import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { errorText, MillraceError } from "../core/errors.ts";
import { retryWhileBusy } from "./node-sqlite-dialect.ts";

/** Blocks the thread: kept short. Writers wait for each other in retryWhileBusy, which does not. */
export const BUSY_TIMEOUT_MS = 20;

/** Opens or makes a database file that only its owner may read. Errors: DATA_DIRECTORY_UNWRITABLE, DATA_FORMAT_UNSUPPORTED. */
export async function openSqlite(path: string): Promise<DatabaseSync> {
  try {
    // SQLite would make it readable for everybody; -wal and -shm take after it.
    closeSync(openSync(path, "a", 0o600));
  } catch (error) {
    throw new MillraceError("DATA_DIRECTORY_UNWRITABLE", `registry ${path}: ${errorText(error)}`, {
      cause: error,
      remedy: "Check that the data directory exists and that this user may write to it.",
    });
  }
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    await retryWhileBusy(path, () => {
      // FULL: a commit is on disk when it returns. secure_delete: what is removed is overwritten, not only unlinked.
      database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on");
    });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
