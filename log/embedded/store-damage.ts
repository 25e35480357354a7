import { errorText, MillraceError } from "../../core/errors.ts";
import { LMDB_CODES, lmdbCode } from "./lmdb-codes.ts";

/** For pages that are not what they should be. The last one says that a tree is deeper than any can be. */
const DAMAGE_CODES: readonly (number | null)[] = [
  LMDB_CODES.pageNotFound,
  LMDB_CODES.corrupted,
  LMDB_CODES.invalid,
  LMDB_CODES.cursorFull,
];

/** What people are told about a file of LMDB. */
export interface PreparedFile {
  /** What it holds, and where. */
  readonly name: string;
  /** What to do when it cannot be used. */
  readonly remedy: string;
}

export function logOf(directory: string): PreparedFile {
  return {
    name: `the log in ${directory}`,
    remedy: "restore the directory from a backup, or move it away to start with an empty log",
  };
}

export function damagedFile({ name, remedy }: PreparedFile, what: string, cause?: unknown): MillraceError {
  return new MillraceError("DATA_DAMAGED", `${name} is damaged: ${what}`, { cause, remedy });
}

/** DATA_DAMAGED when the error is LMDB's about its own pages; any other comes back as it is. */
export function storeError(error: unknown, directory: string): unknown {
  return DAMAGE_CODES.includes(lmdbCode(error)) ? damagedFile(logOf(directory), errorText(error), error) : error;
}
