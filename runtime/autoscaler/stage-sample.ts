import { LIMITS } from "../../core/limits.ts";
import { stageJournalName } from "../../core/stage.ts";
import type { EventLog, LogStatus } from "../../core/event-log.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { StageSample } from "./scaling-types.ts";

type Stage = Pick<StageDefinition, "name" | "input">;

/** Where a stage stands, of the log's status. A partition that was never worked begins where the log does. */
export function stageSample(status: LogStatus, stage: Stage, busySeconds: number | null, at: number): StageSample {
  const name = stageJournalName(stage.name);
  const journals = new Map(status.journals.filter((one) => one.name === name).map((one) => [one.partition, one]));
  const partitions = status.partitions
    .filter(({ topic }) => topic === stage.input)
    .toSorted((a, b) => a.partition - b.partition)
    .map(({ partition, startOffset, endOffset }) => {
      const position = journals.get(partition)?.positions.find(({ topic }) => topic === stage.input)?.offset;
      return { end: endOffset, position: Math.min(endOffset, position ?? startOffset) };
    });
  const timers = [...journals.values()].flatMap(({ nextTimer }) => (nextTimer === null ? [] : [nextTimer]));
  return { at, partitions, busySeconds, nextTimer: timers.length === 0 ? null : Math.min(...timers) };
}

/** Resolves when there is something behind what the sample has seen, in time: woken by the append, not by looking again and again. */
export async function untilAppended(
  log: Pick<EventLog, "openReader">,
  { input }: Stage,
  { partitions }: StageSample,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const reader = log.openReader(
    partitions.flatMap((one, partition) => (one === null ? [] : [{ topic: input, partition, offset: one.end }])),
  );
  try {
    // What is read is thrown away: a record's worth of it is enough.
    await reader.poll({ bytesMax: LIMITS.recordBytesMax, waitMs, signal });
  } finally {
    reader.close();
  }
}
