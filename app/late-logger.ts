import { createRequire } from "node:module";
import { writeSync } from "node:fs";
import { errorText } from "../core/errors.ts";
import { pinoLogger } from "./pino-logger.ts";
import type { Logger } from "../core/logger.ts";

/** As pino has them. */
const LEVELS = { debug: 20, info: 30, warn: 40, error: 50 } as const;
type Level = keyof typeof LEVELS;

/**
 * What `createLogger` makes, for a thread that is waited for: pino, which takes 10 ms, is loaded with the first line. When it cannot be loaded then, as
 * without file descriptors, the line is written all the same. `load` is there for tests.
 */
export function createLateLogger(level: string, part: string, load: typeof loadPino = loadPino): Logger {
  let logger: Logger | null = null;
  const least = isLevel(level) ? LEVELS[level] : 0;
  const log = (at: Level) => (fields: object, text: string) => {
    if (LEVELS[at] < least) return;
    try {
      logger ??= pinoLogger(load(), level, part);
    } catch (cause) {
      writePlain(at, part, fields, `${text} (and pino cannot be loaded: ${errorText(cause)})`);
      return;
    }
    logger[at](fields, text);
  };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

function loadPino(): typeof import("pino").pino {
  // As pino itself, and at once: a function that prints and then hangs its thread has printed. Found from a bundle too.
  const { pino }: typeof import("pino") = createRequire(import.meta.url)("pino");
  return pino;
}

function writePlain(level: Level, part: string, fields: object, msg: string): void {
  const time = new Date().toISOString();
  try {
    writeSync(2, `${JSON.stringify({ level: LEVELS[level], time, part, ...fields, msg })}\n`);
  } catch {
    // Neither the line nor who wanted to write it can be helped.
  }
}

function isLevel(level: string): level is Level {
  return Object.hasOwn(LEVELS, level);
}
