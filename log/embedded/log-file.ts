import { open } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { FileHandle } from "node:fs/promises";
import type { Logger } from "../../core/logger.ts";

/** Where LMDB's two meta pages lie, and what of them is looked at: `MDB_meta` of lmdb-js's data format 2. */
const META_PAGES = [0, 4096];
const META = { magic: 24, version: 28, lastPage: 144, transaction: 152, end: 160 } as const;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_BYTES = 4096;

export function logFile(directory: string): string {
  return join(directory, "log.mdb");
}

/**
 * Makes an existing log file fit to be opened. lmdb-js ends the process with a signal on a file that is not LMDB's or that was cut
 * off, so both are looked for here. What a killed process wrote and did not come to sync is synced: it becomes visible by opening.
 * DATA_FORMAT_UNSUPPORTED for a file that is no log. Other obstacles show when LMDB opens it.
 */
export async function prepareLogFile(directory: string, logger: Logger): Promise<void> {
  const path = logFile(directory);
  const handle = await openExisting(path);
  if (handle === null) return;
  try {
    const { size } = await handle.stat();
    if (size === 0) return;
    const pages = await pagesInUse(handle);
    if (pages === null) {
      throw new MillraceError("DATA_FORMAT_UNSUPPORTED", `${path} is not a log that this release can read`, {
        remedy: "restore the directory from a backup, or move it away to start with an empty log",
      });
    }
    if (size < pages * PAGE_BYTES) {
      // What is missing reads as zeros, which no checksum accepts: it is reported where it matters.
      logger.warn({ path, size, expected: pages * PAGE_BYTES }, "the log file is shorter than it was");
      await handle.truncate(pages * PAGE_BYTES);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in the directory durable: a new file must not vanish with a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories, and needs no such sync.
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function openExisting(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}

/** By the newest meta page; null when neither is one. */
async function pagesInUse(handle: FileHandle): Promise<number | null> {
  let newest: { readonly transaction: bigint; readonly pages: number } | null = null;
  for (const position of META_PAGES) {
    const meta = Buffer.alloc(META.end);
    await handle.read(meta, 0, META.end, position);
    if (meta.readUInt32LE(META.magic) !== MAGIC || meta.readUInt32LE(META.version) !== VERSION) continue;
    const transaction = meta.readBigUInt64LE(META.transaction);
    if (newest !== null && newest.transaction > transaction) continue;
    newest = { transaction, pages: Number(meta.readBigUInt64LE(META.lastPage)) + 1 };
  }
  return newest?.pages ?? null;
}
