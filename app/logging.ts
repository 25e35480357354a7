import { pino } from "pino";
import { pinoLogger } from "./pino-logger.ts";
import type { Logger } from "../core/logger.ts";

/** JSON lines on standard error, one logger per thread: standard output belongs to what commands print. */
export function createLogger(level: string, part: string): Logger {
  return pinoLogger(pino, level, part);
}
