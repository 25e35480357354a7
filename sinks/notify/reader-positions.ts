import type { TopicPosition } from "../../core/event-log.ts";
import { compareSourcePositions, parseSourcePosition, type SourcePosition } from "../../core/source-position.ts";

/**
 * The reader's committed state, as the registry keeps it: names to numbers. `read <partition>` is the next offset of `alarms`;
 * `mark <stage> <topic> <partition> generation|offset|step|index` the greatest source position applied from there.
 */
export interface ReaderPositions {
  nextOffset(partition: number): number;
  /** Where to read from: all partitions of `alarms`. */
  topicPositions(): readonly TopicPosition[];
  advance(partition: number, nextOffset: number): void;
  /** False when the position is not above the high-water mark: a repeat. Else it becomes the mark. */
  accept(source: SourcePosition): boolean;
  toRecord(): Readonly<Record<string, number>>;
}

export const ALARMS_TOPIC = "alarms";
const MARK_FIELDS = ["generation", "offset", "step", "index"] as const;

export function readerPositions(stored: Readonly<Record<string, number>>, partitionCount: number): ReaderPositions {
  const offsets = Array.from({ length: partitionCount }, (_, partition) => stored[`read ${partition}`] ?? 0);
  const marks = restoreMarks(stored);
  return {
    nextOffset: (partition) => offsets[partition] ?? 0,
    topicPositions: () => offsets.map((offset, partition) => ({ topic: ALARMS_TOPIC, partition, offset })),
    advance(partition, nextOffset) {
      offsets[partition] = nextOffset;
    },
    accept(source) {
      const name = markName(source);
      const mark = marks.get(name);
      if (mark && compareSourcePositions(source, mark) <= 0) return false;
      marks.set(name, source);
      return true;
    },
    toRecord() {
      const record: Record<string, number> = {};
      for (const [partition, offset] of offsets.entries()) record[`read ${partition}`] = offset;
      for (const [name, mark] of marks) for (const field of MARK_FIELDS) record[`${name} ${field}`] = mark[field];
      return record;
    },
  };
}

function markName({ stage, topic, partition }: SourcePosition): string {
  return `mark ${stage} ${topic} ${partition}`;
}

function restoreMarks(stored: Readonly<Record<string, number>>): Map<string, SourcePosition> {
  const marks = new Map<string, SourcePosition>();
  for (const key of Object.keys(stored)) {
    if (!key.startsWith("mark ") || !key.endsWith(" generation")) continue;
    const name = key.slice(0, -" generation".length);
    const numbers = MARK_FIELDS.map((field) => stored[`${name} ${field}`] ?? 0);
    const mark = parseSourcePosition([name.slice("mark ".length), ...numbers].join(" "));
    if (mark) marks.set(name, mark);
  }
  return marks;
}
