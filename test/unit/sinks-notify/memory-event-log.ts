import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../../core/errors.ts";
import type { EventLog, JournalEntry, TopicPosition } from "../../../core/event-log.ts";
import { HEADER, type Header, type LogRecord, type RecordInput } from "../../../core/record.ts";
import { formatSourcePosition } from "../../../core/source-position.ts";

export interface MemoryEventLog extends EventLog {
  /** Puts an alarm record into a partition, as the stage would. */
  putAlarm(partition: number, event: object | string, sourceOffset?: number): void;
  /** Deletes what lies before the offset, as retention does. */
  deleteBefore(partition: number, offset: number): void;
  readonly journal: readonly JournalEntry[];
  epoch: number;
}

/** One topic, `alarms`, in memory. */
export function createMemoryEventLog(partitionCount = 4): MemoryEventLog {
  const partitions = Array.from({ length: partitionCount }, () => ({ start: 0, records: [] as LogRecord[] }));
  const journal: JournalEntry[] = [];
  const of = (partition: number) => {
    const found = partitions[partition];
    if (!found) throw new Error(`no partition ${partition}`);
    return found;
  };
  const log: MemoryEventLog = {
    partitionCount,
    journal,
    epoch: 0,
    async append(_, partition, records) {
      const { records: all } = of(partition);
      const first = all.length;
      for (const record of records) all.push(asLogRecord(record, all.length));
      return first;
    },
    putAlarm(partition, event, sourceOffset) {
      const value = Buffer.from(typeof event === "string" ? event : JSON.stringify(event));
      const source = {
        stage: "main",
        topic: "telemetry",
        partition,
        generation: 0,
        offset: sourceOffset ?? 0,
        step: 0,
        index: 0,
      };
      const headers: Header[] = sourceOffset === undefined ? [] : [[HEADER.source, formatSourcePosition(source)]];
      of(partition).records.push(
        asLogRecord({ timestamp: 1, key: "t/d", value, headers }, of(partition).records.length),
      );
    },
    deleteBefore: (partition, offset) => void (of(partition).start = offset),
    async claim() {
      log.epoch += 1;
      return { epoch: log.epoch, entries: [], isTail: false, mark: null, damaged: false };
    },
    async commit({ epoch, entry }) {
      if (epoch !== log.epoch) throw new MillraceError("JOURNAL_FENCED", "somebody else owns the journal");
      journal.push(entry);
    },
    async status() {
      const statuses = partitions.map(({ start, records }, partition) => {
        return { topic: "alarms", partition, startOffset: start, endOffset: records.length };
      });
      return { partitions: statuses, journals: [], bytes: 0, bytesMax: 1, refusing: null, deletedTelemetry: {} };
    },
    openReader(positions) {
      let at: readonly TopicPosition[] = positions;
      return {
        async poll({ waitMs, signal }) {
          for (let waited = 0; ; waited += 5) {
            const slices = at.flatMap((position) => sliceFrom(of(position.partition), position));
            if (slices.length > 0 || waited >= waitMs || signal?.aborted === true) {
              at = at.map((p) => ({
                ...p,
                offset: slices.find((s) => s.partition === p.partition)?.nextOffset ?? p.offset,
              }));
              return slices;
            }
            await sleep(5);
          }
        },
        seek: (next) => void (at = next),
        close: () => void (at = []),
      };
    },
  };
  return log;
}

function sliceFrom(
  { start, records }: { start: number; records: readonly LogRecord[] },
  { topic, partition, offset }: TopicPosition,
) {
  if (offset < start) throw new MillraceError("OFFSET_OUT_OF_RANGE", `${topic}-${partition} starts at ${start}`);
  const slice = records.slice(offset);
  return slice.length === 0 ? [] : [{ topic, partition, records: slice, nextOffset: records.length }];
}

function asLogRecord(input: RecordInput, offset: number): LogRecord {
  const { timestamp, key, value, headers } = input;
  const header = (name: string) => headers.find(([known]) => known === name)?.[1];
  return { offset, timestamp, key, value, header, headers: () => headers };
}
