import { fitPositions } from "../../engine/fit-positions.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { AlarmStore } from "../../core/registry.ts";
import { ALARMS_TOPIC, readerPositions, type ReaderPositions } from "./reader-positions.ts";

export interface StartPositions {
  readonly positions: ReaderPositions;
  /** Alarm records that retention took before they were read. */
  readonly missed: number;
}

/**
 * The registry's positions, made to fit the log. A partition that the registry does not know was never read: what retention took of it
 * is missed. Of a log that is read anew, alarms known already are told only once.
 */
export async function startPositions(log: EventLog, alarms: AlarmStore): Promise<StartPositions> {
  const [stored, status] = await Promise.all([alarms.positions(), log.status()]);
  const positions = readerPositions(stored, log.partitionCount);
  const partitions = status.partitions.filter(({ topic }) => topic === ALARMS_TOPIC);
  const fitted = fitPositions(positions.topicPositions(), partitions);
  for (const { partition, offset } of fitted.positions) positions.advance(partition, offset);
  return { positions, missed: fitted.missed };
}
