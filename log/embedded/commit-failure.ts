import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { errorText, isMillraceError, MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { LMDB_CODES, lmdbCode } from "./lmdb-codes.ts";
import { storeError } from "./store-damage.ts";
import type { LogStore } from "./log-store.ts";

const CAUSE_WAIT_MS = 1000;
const FULL_CODES: readonly (number | null)[] = [LMDB_CODES.mapFull, LMDB_CODES.noSpace];

/** What a failed LMDB transaction means: LOG_FULL, DATA_DAMAGED or LOG_IO. */
export async function commitFailure(error: unknown, directory: string): Promise<MillraceError> {
  const cause = await commitCause(error);
  const free = await freeBytes(directory);
  // LMDB reports a page that was written only in part, which is how a disk fills up, as EIO: what is left on the disk tells.
  if (FULL_CODES.includes(lmdbCode(cause)) || isTooLittle(free)) {
    return new MillraceError("LOG_FULL", `the disk of the log is full: ${free ?? "few"} bytes are left`, { cause });
  }
  const damage = storeError(cause, directory);
  if (isMillraceError(damage)) return damage;
  return new MillraceError("LOG_IO", `the log cannot be written: ${errorText(cause)}`, { cause });
}

/** True when the disk has room for a group, or does not say. */
export async function hasRoom(directory: string): Promise<boolean> {
  return !isTooLittle(await freeBytes(directory));
}

function isTooLittle(free: number | null): boolean {
  return free !== null && free < LIMITS.groupCommitBytesMax;
}

/**
 * After a failed meta page LMDB refuses every transaction (MDB_PANIC), and lmdb-js would wait for ever in the next asynchronous one.
 * An empty synchronous one tells.
 */
export function isBroken(store: LogStore): boolean {
  try {
    store.root.transactionSync(() => undefined);
    return false;
  } catch (error) {
    if (error instanceof Error) return true;
    throw error;
  }
}

/** lmdb-js gives the reason in a promise of its own, which rejects with it; for some codes it never does. */
async function commitCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  const reason = Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
  return await Promise.race([reason, delay(CAUSE_WAIT_MS, error, { ref: false })]);
}

/** Null when the file system does not say. */
async function freeBytes(directory: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
