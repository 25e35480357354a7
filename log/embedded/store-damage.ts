import { errorText, MillraceError } from "../../core/errors.ts";
import { LMDB_CODES, lmdbCode } from "./lmdb-codes.ts";

/** For pages that are not what they should be. The last one says that a tree is deeper than any can be. */
const DAMAGE_CODES: readonly (number | null)[] = [
  LMDB_CODES.pageNotFound,
  LMDB_CODES.corrupted,
  LMDB_CODES.invalid,
  LMDB_CODES.cursorFull,
];

export function damagedLog(directory: string, what: string, cause?: unknown): MillraceError {
  return new MillraceError("DATA_DAMAGED", `the log in ${directory} is damaged: ${what}`, {
    cause,
    remedy: "restore the directory from a backup, or move it away to start with an empty log",
  });
}

/** DATA_DAMAGED when the error is LMDB's about its own pages; any other comes back as it is. */
export function storeError(error: unknown, directory: string): unknown {
  return DAMAGE_CODES.includes(lmdbCode(error)) ? damagedLog(directory, errorText(error), error) : error;
}
