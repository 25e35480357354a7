import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { refuseLogInUse } from "./log-in-use.ts";
import { damagedTreePage } from "./page-tree.ts";
import { damagedFile, logOf, type PreparedFile } from "./store-damage.ts";
import type { FileHandle } from "node:fs/promises";
import type { Logger } from "../../core/logger.ts";

/** What is looked at of LMDB's first two pages, which are its meta pages: `MDB_page` and `MDB_meta` of lmdb-js's data format 2. */
const META = {
  page: 0,
  flags: 18,
  magic: 24,
  version: 28,
  mapBytes: 40,
  pageBytes: 48,
  freeRoot: 88,
  mainRoot: 136,
  lastPage: 144,
  transaction: 152,
  end: 160,
} as const;
const META_FLAG = 0x08;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_BYTES_USUAL = 4096;

export function logFile(directory: string): string {
  return join(directory, "log.mdb");
}

/** Makes an existing log file fit to be opened: see `prepareLmdbFile`. */
export async function prepareLogFile(directory: string, logger: Logger): Promise<void> {
  await prepareLmdbFile(logFile(directory), logOf(directory), logger);
}

/**
 * Makes an existing file of LMDB fit to be opened. lmdb-js ends the process with a signal on a file that is not LMDB's, that was cut off
 * or whose pages are damaged, so all three are looked for here. What a killed process wrote and did not come to sync is synced:
 * it becomes visible by opening. DATA_FORMAT_UNSUPPORTED for a file that is not LMDB's, DATA_DAMAGED for one with damaged pages,
 * DATA_DIRECTORY_LOCKED for one in use, and that one is left alone. Other obstacles show when LMDB opens it.
 */
export async function prepareLmdbFile(path: string, file: PreparedFile, logger: Logger): Promise<void> {
  const handle = await openExisting(path);
  if (handle === null) return;
  try {
    const { size } = await handle.stat();
    if (size === 0) return;
    const meta = await newestMeta(handle, path, file);
    // Before its pages are looked at: whoever has it open goes on writing them.
    await refuseLogInUse(path);
    checkPages(handle, meta, path, file);
    const expected = (Number(field(meta, "lastPage")) + 1) * meta.readUInt32LE(META.pageBytes);
    if (size < expected) {
      // What is missing reads as zeros, which no checksum accepts: it is reported where it matters.
      logger.warn({ path, size, expected }, "the file is shorter than it was");
      await handle.truncate(expected);
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

/** Both must be sound: the older one alone would do, but without the last commit, which was acknowledged. */
async function newestMeta(handle: FileHandle, path: string, file: PreparedFile): Promise<Buffer> {
  const first = await readMeta(handle, 0);
  // The operating system's, unless the file came from another one.
  const pageBytes = isLogMeta(first) ? first.readUInt32LE(META.pageBytes) : PAGE_BYTES_USUAL;
  const metas = [first, await readMeta(handle, pageBytes)];
  if (!metas.some(isLogMeta)) {
    throw new MillraceError("DATA_FORMAT_UNSUPPORTED", `${path} is nothing that this release can read`, {
      remedy: file.remedy,
    });
  }
  const damaged = metas.findIndex((meta, page) => !isSound(meta, page, pageBytes));
  if (damaged >= 0) throw damagedFile(file, `meta page ${damaged} of ${basename(path)} does not hold what it should`);
  return metas.reduce((a, b) => (field(a, "transaction") > field(b, "transaction") ? a : b));
}

function checkPages({ fd: descriptor }: FileHandle, meta: Buffer, path: string, file: PreparedFile): void {
  const pages = {
    descriptor,
    pageBytes: meta.readUInt32LE(META.pageBytes),
    lastPage: Number(field(meta, "lastPage")),
  };
  const page = damagedTreePage(pages, [field(meta, "freeRoot"), field(meta, "mainRoot")]);
  if (page !== null) throw damagedFile(file, `page ${page} of ${basename(path)} does not hold what it should`);
}

async function readMeta(handle: FileHandle, position: number): Promise<Buffer> {
  const meta = Buffer.alloc(META.end);
  await handle.read(meta, 0, META.end, position);
  return meta;
}

function isLogMeta(meta: Buffer): boolean {
  return meta.readUInt32LE(META.magic) === MAGIC && meta.readUInt32LE(META.version) === VERSION;
}

/** LMDB has no checksums: these are the fields that it believes and that tell where it reads next. */
function isSound(meta: Buffer, page: number, pageBytes: number): boolean {
  const last = field(meta, "lastPage");
  const isRoot = (root: bigint): boolean => root === NO_PAGE || (root > 1n && root <= last);
  return (
    isLogMeta(meta) &&
    field(meta, "page") === BigInt(page) &&
    meta.readUInt16LE(META.flags) === META_FLAG &&
    meta.readUInt32LE(META.pageBytes) === pageBytes &&
    (last + 1n) * BigInt(pageBytes) <= field(meta, "mapBytes") &&
    isRoot(field(meta, "freeRoot")) &&
    isRoot(field(meta, "mainRoot"))
  );
}

function field(meta: Buffer, name: keyof typeof META): bigint {
  return meta.readBigUInt64LE(META[name]);
}
