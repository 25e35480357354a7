import { readFileSync, realpathSync } from "node:fs";
import { sep } from "node:path";
import { errorText } from "../../core/errors.ts";
import { programMappings, sharedMappings, type AddressRange } from "./mapped-files.ts";
import { openSystemMemory, type SystemMemory } from "./system-memory.ts";
import type { Logger } from "../../core/logger.ts";

/**
 * With each page that is touched the kernel maps the fifteen around it (fault-around, which MADV_RANDOM does not keep it from): where free pages of the file are used again, and
 * what belongs together lies apart, 100 messages a second touch 20 MB in a second, and a snapshot 50.
 */
const LOG_EVERY_MS = 100;
/** Programs are mostly what was needed once; what is needed often comes back at once, for some hundred faults of a page. */
const PROGRAMS_EVERY_MS = 15_000;
const LMDB_FILE = ".mdb";

export interface MemoryReleaseOptions {
  /** The data directory; its files of LMDB are meant. */
  readonly directory: string;
  readonly logger: Logger;
  /** Tests: other ones. */
  readonly open?: () => Promise<SystemMemory>;
  readonly readProc?: (file: "maps" | "smaps") => string;
}

/**
 * From now on lets go what is mapped and not in use: ten times a second what this process has read of the log, which otherwise counts as its own until the kernel wants
 * the memory, and now and then programs, and what the C library has free (docs/adr/0041-little-memory-is-one-setting.md). What is touched again comes from the
 * kernel's cache. Where that is not possible, it is said once, and all goes on. Call the answer to end it, before the log is closed: while this thread has it open,
 * its addresses are nobody else's.
 */
export async function releaseMemory(options: MemoryReleaseOptions): Promise<() => void> {
  const { directory, logger, open = openSystemMemory, readProc = readOwn } = options;
  const say = (cause: string): void =>
    logger.warn(
      { cause },
      "what is mapped of the log cannot be let go: it counts as memory of this process until the system needs it; `npm install` brings the optional package koffi, and a cgroup's memory.high bounds it too",
    );
  let memory: SystemMemory;
  let programs: readonly AddressRange[];
  try {
    memory = await open();
    programs = programMappings(readProc("smaps"));
  } catch (error) {
    say(errorText(error));
    return () => undefined;
  }
  const inside = `${realpathSync(directory)}${sep}`;
  const isLog = (path: string): boolean => path.startsWith(inside) && path.endsWith(LMDB_FILE);
  const every = (ms: number, release: () => boolean): NodeJS.Timeout => {
    const timer = setInterval(() => {
      const cause = failureOf(release);
      if (cause === null) return;
      clearInterval(timer);
      say(cause);
    }, ms);
    return timer.unref();
  };
  const timers = [
    every(LOG_EVERY_MS, () => sharedMappings(readProc("maps"), isLog).every(memory.letGo)),
    every(PROGRAMS_EVERY_MS, () => {
      memory.trim();
      return programs.every(memory.letGo);
    }),
  ];
  return () => timers.forEach(clearInterval);
}

/** What went wrong, in a sentence; null when nothing did. */
function failureOf(release: () => boolean): string | null {
  try {
    return release() ? null : "the kernel refuses madvise";
  } catch (error) {
    return errorText(error);
  }
}

function readOwn(file: "maps" | "smaps"): string {
  return readFileSync(`/proc/self/${file}`, "latin1");
}
