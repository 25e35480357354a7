import type { EventLog } from "../../core/event-log.ts";
import type { AlarmStore } from "../../core/registry.ts";
import { ALARMS_TOPIC, readerPositions, type ReaderPositions } from "./reader-positions.ts";

export interface StartPositions {
  readonly positions: ReaderPositions;
  /** Alarm records that retention took before they were read. */
  readonly missed: number;
}

/**
 * The registry's positions, made to fit the log: what retention has passed is skipped and counted, and a log that ends before a
 * position is another log (emptied, or restored from a backup), to be read from its start. Alarms known already are told only once.
 */
export async function startPositions(log: EventLog, alarms: AlarmStore): Promise<StartPositions> {
  const [stored, status] = await Promise.all([alarms.positions(), log.status()]);
  const positions = readerPositions(stored, log.partitionCount);
  let missed = 0;
  for (const { topic, partition, startOffset, endOffset } of status.partitions) {
    if (topic !== ALARMS_TOPIC) continue;
    const offset = positions.nextOffset(partition);
    if (offset >= startOffset && offset <= endOffset) continue;
    if (offset < startOffset) missed += startOffset - offset;
    positions.advance(partition, startOffset);
  }
  return { positions, missed };
}
