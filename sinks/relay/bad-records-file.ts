import { open } from "node:fs/promises";
import { errorText, MillraceError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { BadRecords } from "./bad-records.ts";
import type { BadRecord } from "./plan-relay.ts";

/**
 * Appends each to a file, as a line of JSON: `topic`, `partition`, `offset`, `reason`, and `key`, `headers` and `value` (base64) where the
 * record can be read. After a crash the last line may be there twice.
 */
export function badRecordsFile(path: string, topic: string, logger: Logger): BadRecords {
  return {
    async settle(bad, signal) {
      if (signal.aborted) return false;
      try {
        const file = await open(path, "a", 0o600);
        try {
          await file.appendFile(lineOf(topic, bad));
          await file.datasync();
        } finally {
          await file.close();
        }
      } catch (error) {
        const text = `the file for records that cannot be relayed cannot be written: ${errorText(error)}`;
        throw new MillraceError("SINK_UNAVAILABLE", text, { cause: error, remedy: "Make room, or name another file." });
      }
      const { partition, offset, reason } = bad;
      logger.error({ partition, offset, file: path }, `A record cannot be relayed, and is in the file now: ${reason}.`);
      return true;
    },
  };
}

function lineOf(topic: string, { partition, offset, reason, record }: BadRecord): string {
  const content =
    record === null
      ? {}
      : { key: record.key, headers: record.headers(), value: Buffer.from(record.value).toString("base64") };
  return `${JSON.stringify({ topic, partition, offset, reason, ...content })}\n`;
}
