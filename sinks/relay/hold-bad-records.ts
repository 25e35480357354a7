import { pause } from "../../core/pause.ts";
import type { Logger } from "../../core/logger.ts";
import type { BadRecords } from "./bad-records.ts";

/** Nobody is to overlook it. */
const SAY_AGAIN_MS = 300_000;

/** Lets the partition stand before the record, and says so again and again: nothing behind it is relayed until somebody decides. */
export function holdBadRecords(logger: Logger): BadRecords {
  return {
    async settle({ partition, offset, reason }, signal) {
      while (!signal.aborted) {
        logger.error(
          { partition, offset },
          `Partition ${partition} stands before offset ${offset}, which cannot be relayed: ${reason}. Nothing behind it is relayed. Start the relay with --skip-bad FILE to write such records into a file and go on, or look who writes into the topic besides edges of Millrace.`,
        );
        await pause(SAY_AGAIN_MS, signal);
      }
      return false;
    },
  };
}
