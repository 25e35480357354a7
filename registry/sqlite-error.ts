import { errorText, MillraceError } from "../core/errors.ts";

/** Primary result codes of SQLite that decide something here. Source: https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** The primary result code of an error of node:sqlite; null for anything else. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

/** True when another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY;
}

/** Errors of node:sqlite as MillraceErrors; a programmer's error (a wrong type, a missing table argument) comes back as it is. */
export function sqliteError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  const text = `registry ${path}: ${errorText(error)}`;
  if (code === null) {
    const closed = error instanceof Error && "code" in error && error.code === "ERR_INVALID_STATE";
    return closed ? new MillraceError("REGISTRY_IO", "the registry is closed", { cause: error }) : error;
  }
  switch (code) {
    case SQLITE_FULL:
      return new MillraceError("DISK_FULL", text, {
        cause: error,
        remedy: "Free space on the disk of the data directory.",
      });
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return new MillraceError("DATA_DIRECTORY_UNWRITABLE", text, {
        cause: error,
        remedy: "Check that the data directory exists and that this user may write to it.",
      });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new MillraceError("DATA_FORMAT_UNSUPPORTED", text, {
        cause: error,
        remedy: "The file is damaged or not a registry: restore it from a backup.",
      });
    default:
      return new MillraceError("REGISTRY_IO", text, { cause: error });
  }
}
