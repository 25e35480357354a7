import type { LogAppender, LogInspector, LogJournals, TopicPosition } from "../../core/event-log.ts";

/** A log that another one moves into: nobody else uses it before the move is over. */
export interface MoveTarget extends LogAppender, LogJournals, LogInspector {
  /** Deletes what lies before these offsets, which are where their partitions begin from then on. */
  deleteBefore(positions: readonly TopicPosition[]): Promise<void>;
}
