import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { open } from "lmdb";
import { errorText, MillraceError } from "../../core/errors.ts";
import type { Database, RootDatabase } from "lmdb";

/** What belongs to a session: its number, and a number of its own. */
export type SlotKey = [slot: number, id: number];

/** The LMDB environment of the sessions and what is in it. All values are bytes of ours. */
export interface SessionEnvironment {
  readonly root: RootDatabase<Buffer, string>;
  /** `format`: the version, as text. */
  readonly meta: Database<Buffer, string>;
  /** With id 0 the session, with id 1 its last sequence (u48) where the queue does not tell it. */
  readonly sessions: Database<Buffer, SlotKey>;
  /** By sequence. */
  readonly queues: Database<Buffer, SlotKey>;
  /** By packet id: admission ids. */
  readonly received: Database<Buffer, SlotKey>;
  /** By the bytes of the topic. */
  readonly retained: Database<Buffer, Buffer>;
}

const FORMAT = "1";
const GIB = 1024 ** 3;

/**
 * Opens the file, or makes it. A damaged one must have been looked for before: lmdb-js ends the process over it.
 * DATA_DIRECTORY_UNWRITABLE, DATA_FORMAT_UNSUPPORTED, SESSION_STORE_IO.
 */
export async function openSessionEnvironment(path: string, bytesMax: number): Promise<SessionEnvironment> {
  const environment = openFile(path, bytesMax);
  try {
    const format = environment.meta.get("format")?.toString();
    if (format === undefined) {
      await environment.meta.put("format", Buffer.from(FORMAT));
      syncDirectory(dirname(path));
    } else if (format !== FORMAT) {
      throw new MillraceError(
        "DATA_FORMAT_UNSUPPORTED",
        `${path} has data format ${format}; this release reads format ${FORMAT}`,
        { remedy: "start the release that wrote it, or move the file away to start without sessions" },
      );
    }
    return environment;
  } catch (error) {
    await environment.root.close();
    throw error instanceof MillraceError ? error : await commitError(path, error);
  }
}

/** Makes the name of a new file durable. */
function syncDirectory(directory: string): void {
  // Windows opens no directories, and needs no such sync.
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function openFile(path: string, bytesMax: number): SessionEnvironment {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const root: RootDatabase<Buffer, string> = open({
      path,
      encoding: "binary",
      maxDbs: 8,
      // Sparse, and above the ceiling: lmdb-js moves a map that grows beyond this.
      mapSize: Math.ceil((bytesMax * 2) / GIB) * GIB,
      overlappingSync: false,
      // Otherwise lmdb-js opens a second block around each batch, whose failed promise nobody can catch.
      eventTurnBatching: false,
    });
    return {
      root,
      meta: root.openDB("meta", { encoding: "binary" }),
      sessions: root.openDB("sessions", { encoding: "binary" }),
      queues: root.openDB("queues", { encoding: "binary" }),
      received: root.openDB("received", { encoding: "binary" }),
      retained: root.openDB("retained", { encoding: "binary", keyEncoding: "binary" }),
    };
  } catch (error) {
    throw openError(path, error);
  }
}

/** LMDB's codes (lmdb.h) for a file that is not of its kind; those of the system are errno. */
const UNWRITABLE = ["EACCES", "EROFS", "ENOTDIR", 13, 30] as const;
const FOREIGN = [-30_796, -30_794, -30_793] as const;

function openError(path: string, cause: unknown): MillraceError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (UNWRITABLE.some((one) => one === code)) {
    return new MillraceError("DATA_DIRECTORY_UNWRITABLE", `cannot write to ${dirname(path)}: ${errorText(cause)}`, {
      cause,
      remedy: "give this user write access to the directory, or choose another one",
    });
  }
  if (FOREIGN.some((one) => one === code)) {
    return new MillraceError("DATA_FORMAT_UNSUPPORTED", `${path} cannot be read: ${errorText(cause)}`, {
      cause,
      remedy: "restore the directory from a backup, or move the file away to start without sessions",
    });
  }
  return new MillraceError("SESSION_STORE_IO", `cannot open ${path}: ${errorText(cause)}`, { cause });
}

const CAUSE_WAIT_MS = 1000;

/** SESSION_STORE_IO with the reason of a failed commit: lmdb-js gives it in a promise of its own, and for some codes never. */
export async function commitError(path: string, error: unknown): Promise<MillraceError> {
  if (error instanceof MillraceError) return error;
  const cause = error instanceof Error && "commitError" in error ? await reasonOf(error, error.commitError) : error;
  return new MillraceError("SESSION_STORE_IO", `${path} cannot be written: ${errorText(cause)}`, {
    cause,
    remedy: "look whether the disk is full",
  });
}

async function reasonOf(error: Error, reason: unknown): Promise<unknown> {
  const late = Promise.withResolvers<unknown>();
  const timer = setTimeout(() => late.resolve(error), CAUSE_WAIT_MS);
  const told = Promise.resolve(reason).then(
    () => error,
    (cause: unknown) => cause,
  );
  const cause = await Promise.race([told, late.promise]);
  clearTimeout(timer);
  return cause;
}

/**
 * After a failed meta page LMDB refuses every transaction (MDB_PANIC), and lmdb-js would wait for ever in the next asynchronous one.
 * An empty synchronous one tells.
 */
export function isBroken({ root }: SessionEnvironment): boolean {
  try {
    root.transactionSync(() => undefined);
    return false;
  } catch (error) {
    if (error instanceof Error) return true;
    throw error;
  }
}
