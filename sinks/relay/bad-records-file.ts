import { type FileHandle, open } from "node:fs/promises";
import { errorText, MillraceError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { BadRecords } from "./bad-records.ts";
import type { BadRecord } from "./plan-relay.ts";

const NEWLINE = 0x0a;

/**
 * Appends each to a file, as a line of JSON: `topic`, `partition`, `offset`, `nextOffset`, `reason`, and `key`, `headers` and `value` (base64) where the
 * record can be read. After a crash the last line may be there twice, once torn.
 */
export function badRecordsFile(path: string, topic: string, logger: Logger): BadRecords {
  /** Partitions come here at once, and a long line is written in pieces. */
  let writing: Promise<void> = Promise.resolve();
  return {
    async settle(bad, signal) {
      if (signal.aborted) return false;
      const written = writing.then(() => appendLine(path, lineOf(topic, bad)));
      writing = written.catch(() => undefined);
      await written;
      const { partition, offset, reason } = bad;
      logger.error({ partition, offset, file: path }, `A record cannot be relayed, and is in the file now: ${reason}.`);
      return true;
    },
  };
}

/** SINK_UNAVAILABLE. What a crash or a full disk has torn off ends where it was torn. */
async function appendLine(path: string, line: string): Promise<void> {
  try {
    const file = await open(path, "a+", 0o600);
    try {
      await file.appendFile((await endsALine(file)) ? line : `\n${line}`);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const text = `the file for records that cannot be relayed cannot be written: ${errorText(error)}`;
    throw new MillraceError("SINK_UNAVAILABLE", text, { cause: error, remedy: "Make room, or name another file." });
  }
}

async function endsALine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === NEWLINE;
}

function lineOf(topic: string, { partition, offset, nextOffset, reason, record }: BadRecord): string {
  const content =
    record === null
      ? {}
      : { key: record.key, headers: record.headers(), value: Buffer.from(record.value).toString("base64") };
  return `${JSON.stringify({ topic, partition, offset, nextOffset, reason, ...content })}\n`;
}
