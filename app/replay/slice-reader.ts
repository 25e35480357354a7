import { setImmediate as nextTurn } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";
import type { ScanRange } from "../../log/scan-log.ts";

const STILL_MS = 10_000;

/** The records of a range, in slices as they come, with a turn of the event loop before each. TIMED_OUT when the log stops serving. */
export async function* sliceReader(
  log: Pick<EventLog, "openReader">,
  range: ScanRange,
): AsyncGenerator<readonly LogRecord[], void> {
  if (range.offset >= range.end) return;
  const reader = log.openReader([range]);
  try {
    for (let next = range.offset; next < range.end;) {
      await nextTurn();
      const slices = await reader.poll({ bytesMax: LIMITS.scanBytesMax, waitMs: STILL_MS });
      if (slices.length === 0)
        throw new MillraceError("TIMED_OUT", "the log did not serve records that it says it has");
      for (const { records, nextOffset } of slices) {
        next = nextOffset;
        yield records.filter(({ offset }) => offset < range.end);
      }
    }
  } finally {
    reader.close();
  }
}
