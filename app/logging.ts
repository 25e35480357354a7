import { pino } from "pino";
import type { Logger } from "../core/logger.ts";

/** JSON lines on standard error, one logger per thread: standard output belongs to what commands print. */
export function createLogger(level: string, part: string): Logger {
  return pino(
    { level, base: { part }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
