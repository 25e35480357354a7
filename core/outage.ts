import { backOffMs } from "./back-off.ts";
import { errorText, isMillraceError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Logger } from "./logger.ts";

/** A failure that lasts while something is tried again and again: logged when it begins and when it is over, with growing pauses. */
export interface Outage {
  /** Returns how long to wait before the next attempt. A programmer's error is thrown again: repeating does not mend it. */
  failed(error: unknown): number;
  succeeded(): void;
}

/** `what` is the subject of the log lines: "ticks are not written". */
export function createOutage(what: string, firstPauseMs: number, logger: Logger): Outage {
  let failures = 0;
  return {
    failed(error) {
      if (!isMillraceError(error)) throw error;
      failures += 1;
      if (failures === 1) logger.warn({ code: error.code, cause: errorText(error) }, `${what}; trying again`);
      return backOffMs(firstPauseMs, LIMITS.stageRetryDelayMsMax, failures - 1);
    },
    succeeded() {
      if (failures > 0) logger.info({ failures }, `over: ${what}`);
      failures = 0;
    },
  };
}
