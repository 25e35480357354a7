import type { pino as Pino } from "pino";
import type { Logger } from "../core/logger.ts";

/** Made with pino, which whoever calls has loaded, at once or when it is needed. */
export function pinoLogger(pino: typeof Pino, level: string, part: string): Logger {
  return pino(
    { level, base: { part }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
