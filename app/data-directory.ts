import { createHmac, randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MillraceError, errorText, isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { readIfThere, writeWhole } from "./whole-file.ts";

/** Grows when a release lays data out differently. Every release opens what the one before wrote. */
const FORMAT_VERSION = 1;

const MIB = 1024 ** 2;
/** Less than this and the first minute would end in refusals: two group commits of the greatest size. */
const FREE_BYTES_MIN = 2 * LIMITS.groupCommitBytesMax;
const MOVED_FILE = "moved";
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

export interface DataDirectory {
  readonly path: string;
  readonly logPath: string;
  readonly registryPath: string;
  readonly clickhousePath: string;
  /** The installation's secret, 32 bytes: HMAC key of credentials. Made on first start, mode 0600. */
  readonly secret: Uint8Array;
  /** Names the installation to databases outside of the directory. Made of the secret, and tells nothing of it. */
  readonly installation: string;
  /** Grows by one with every start: part of admission ids. */
  readonly epoch: number;
  readonly isNew: boolean;
  /** Where the installation has moved to, in words; null while it lives here. */
  readonly movedTo: string | null;
  /** Writes down that the installation lives elsewhere from now on: what is left here is not to be started again. */
  noteMoved(to: string): void;
  /** True when a start before this one made registry or tables. */
  readonly hasStores: boolean;
  /** A small secret text kept beside the data with mode 0600, such as the local command line's token. */
  secretText(name: string, make: () => string): string;
  release(): void;
}

/** Of files without a name, which end with the thread that has made them. */
export function coldDirectory(path: string): string {
  return join(path, "cold");
}

/**
 * Opens and locks the data directory. One instance at a time: the lock is SQLite's on `lock.sqlite`, which the operating system
 * drops with the process, kill -9 included. `given`: the installation's secret, in hexadecimal digits, when it is not to be made here. Errors: DATA_DIRECTORY_UNWRITABLE, DATA_DIRECTORY_LOCKED, DATA_FORMAT_UNSUPPORTED, DISK_FULL.
 */
export function openDataDirectory(path: string, given: string | null = null): DataDirectory {
  makeWritable(path);
  const lock = lockDirectory(path);
  try {
    const isNew = checkFormat(path);
    const own = given ?? secretText(path, "installation.secret", () => randomBytes(32).toString("hex"));
    const secret = Buffer.from(own, "hex");
    const epoch = nextEpoch(path);
    const registryPath = join(path, "registry.sqlite");
    const clickhousePath = join(path, "clickhouse");
    return {
      path,
      logPath: join(path, "log"),
      registryPath,
      clickhousePath,
      secret,
      installation: installationId(secret),
      epoch,
      isNew,
      movedTo: readIfThere(join(path, MOVED_FILE)),
      noteMoved: (to) => writeWhole(join(path, MOVED_FILE), to),
      hasStores: existsSync(registryPath) || existsSync(clickhousePath),
      secretText: (name, make) => secretText(path, name, make),
      release: () => lock.close(),
    };
  } catch (error) {
    lock.close();
    if (isMillraceError(error)) throw error;
    if (hasCode(error, "ENOSPC")) throw diskFull(path, "nothing is free", error);
    // What the system refuses has a code; all else is a bug.
    throw error instanceof Error && "code" in error ? unwritable(path, error) : error;
  }
}

/** The name of the installation to its stores: the same in all processes with the same secret, and no way back to it. */
export function installationId(secret: Uint8Array): string {
  return createHmac("sha256", secret).update("installation").digest("hex").slice(0, 32);
}

function makeWritable(path: string): void {
  try {
    makeDirectory(path);
    accessSync(path, constants.W_OK);
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize < FREE_BYTES_MIN) throw diskFull(path, `only ${bavail * bsize} bytes are free`);
    writeWhole(join(path, "write-probe"), "");
  } catch (error) {
    if (isMillraceError(error)) throw error;
    if (hasCode(error, "ENOSPC")) throw diskFull(path, "nothing is free", error);
    throw unwritable(path, error);
  }
}

function unwritable(path: string, cause: unknown): MillraceError {
  return new MillraceError(
    "DATA_DIRECTORY_UNWRITABLE",
    `cannot write to the data directory ${path}: ${errorText(cause)}`,
    {
      cause,
      remedy:
        "Make it writable for this user, and the files in it readable and writable, or name another with --data or MILLRACE_DATA.",
    },
  );
}

function diskFull(path: string, free: string, cause?: unknown): MillraceError {
  return new MillraceError("DISK_FULL", `the disk of ${path} is full: ${free}`, {
    cause,
    remedy: `Free at least ${FREE_BYTES_MIN / MIB} MiB there, or name a directory on another disk with --data.`,
  });
}

/** With its parents, one by one: mkdirSync with `recursive` never returns where a parent takes no entries, such as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  if (!existsSync(dirname(path))) makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function lockDirectory(path: string): DatabaseSync {
  const lock = new DatabaseSync(join(path, "lock.sqlite"), { timeout: 0 });
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;");
    return lock;
  } catch (error) {
    lock.close();
    // The primary result code: https://www.sqlite.org/rescode.html
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
    if (code === SQLITE_FULL) throw diskFull(path, "the lock cannot be taken", error);
    if (code !== SQLITE_BUSY) throw unwritable(path, error);
    throw new MillraceError("DATA_DIRECTORY_LOCKED", `another Millrace is using the data directory ${path}`, {
      cause: error,
      remedy: "Stop the other one, or name another directory with --data.",
    });
  }
}

/** True for a directory that no Millrace has used. */
function checkFormat(path: string): boolean {
  const file = join(path, "format");
  const text = readIfThere(file);
  if (text === null) {
    writeWhole(file, String(FORMAT_VERSION));
    return true;
  }
  if (Number(text) > FORMAT_VERSION || !(Number(text) >= 1)) {
    throw new MillraceError(
      "DATA_FORMAT_UNSUPPORTED",
      `${path} has data format ${text.trim()}; this release knows up to ${FORMAT_VERSION}`,
      {
        remedy: "Use the release that wrote it, or a newer one.",
      },
    );
  }
  return false;
}

/** A start that ends before there is a store leaves no epoch that was used. */
function hasRun(path: string): boolean {
  return ["log", "registry.sqlite", "gateway.id", "sessions.mdb"].some((store) => existsSync(join(path, store)));
}

/** Kept in a file that grows by one with every start. Too small a number would give admission ids that were given before. */
function nextEpoch(path: string): number {
  const file = join(path, "epoch");
  const known = readIfThere(file);
  const text = known ?? (hasRun(path) ? "" : "0");
  if (!/^\d{1,15}$/.test(text)) {
    throw new MillraceError(
      "DATA_FORMAT_UNSUPPORTED",
      `${file} is ${known === null ? "missing" : "damaged: it holds no number"}`,
      {
        remedy: "Write a number into it that is greater than the count of all starts so far, such as 1000000.",
      },
    );
  }
  const epoch = Number(text) + 1;
  writeWhole(file, String(epoch));
  return epoch;
}

function secretText(path: string, name: string, make: () => string): string {
  const file = join(path, name);
  const known = readIfThere(file);
  if (known !== null && known !== "") return known;
  const made = make();
  writeWhole(file, made);
  return made;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
