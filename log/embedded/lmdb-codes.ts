import { constants } from "node:os";

/** LMDB's own codes (lmdb.h); the system's are errno. lmdb-js sets both as the number `code` of what it throws and rejects with. */
export const LMDB_CODES = {
  pageNotFound: -30_797,
  corrupted: -30_796,
  versionMismatch: -30_794,
  invalid: -30_793,
  mapFull: -30_792,
  cursorFull: -30_787,
  noSpace: constants.errno.ENOSPC,
} as const;

/** Null when the error is none of LMDB's. */
export function lmdbCode(error: unknown): number | null {
  return error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : null;
}
