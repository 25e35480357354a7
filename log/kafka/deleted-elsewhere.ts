import { RETENTION_JOURNAL } from "./kafka-retention.ts";
import { chunksOf, encodeNote } from "./retention-ledger.ts";
import type { LogJournals, TopicPosition } from "../../core/event-log.ts";

/**
 * Begins the ledger of retention with what was deleted before the log came here: messages per key, and from where on its telemetry is still to be
 * counted. A snapshot, which counts for nothing until it is complete.
 */
export async function noteDeletedElsewhere(
  log: LogJournals,
  messages: Readonly<Record<string, number>>,
  positions: readonly TopicPosition[],
): Promise<void> {
  const { epoch } = await log.claim(RETENTION_JOURNAL);
  const counted = positions
    .filter(({ topic }) => topic === "telemetry")
    .map(({ partition, offset }): [number, number] => [partition, offset]);
  const chunks = chunksOf({ counted, messages, rows: [] });
  for (const [at, chunk] of chunks.entries()) {
    const kind = { kind: "snapshot", complete: at === chunks.length - 1 } as const;
    const entry = { ...kind, positions: [], nextTimer: null, body: encodeNote(chunk) };
    await log.commit({ journal: RETENTION_JOURNAL, epoch, entry, outputs: [] });
  }
}
