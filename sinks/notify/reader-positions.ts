import type { TopicPosition } from "../../core/event-log.ts";
import { parseSourcePosition, type SourcePosition } from "../../core/source-position.ts";
import { SourceMarks, type SourceMark } from "../../engine/source-marks.ts";

/**
 * The reader's committed state, as the registry keeps it: names to numbers. `read <partition>` is the next offset of `alarms`;
 * `mark <stage> <topic> <partition> generation|offset|step|index` the greatest source position applied from there.
 */
export interface ReaderPositions {
  /** Where to read from: all partitions of `alarms`. */
  topicPositions(): readonly TopicPosition[];
  advance(partition: number, nextOffset: number): void;
  /** False when the position is not above the high-water mark: a repeat. Else it becomes the mark. */
  takeIfNew(source: SourcePosition): boolean;
  toRecord(): Readonly<Record<string, number>>;
}

export const ALARMS_TOPIC = "alarms";
const MARK_FIELDS = ["generation", "offset", "step", "index"] as const;

export function readerPositions(stored: Readonly<Record<string, number>>, partitionCount: number): ReaderPositions {
  const offsets = Array.from({ length: partitionCount }, (_, partition) => stored[`read ${partition}`] ?? 0);
  const marks = new SourceMarks();
  marks.load(restoreMarks(stored));
  return {
    topicPositions: () => offsets.map((offset, partition) => ({ topic: ALARMS_TOPIC, partition, offset })),
    advance(partition, nextOffset) {
      offsets[partition] = nextOffset;
    },
    takeIfNew: (source) => marks.takeIfNew(ALARMS_TOPIC, source.partition, source),
    toRecord() {
      const record: Record<string, number> = {};
      for (const [partition, offset] of offsets.entries()) record[`read ${partition}`] = offset;
      for (const { source } of marks.all()) {
        for (const field of MARK_FIELDS) record[`${markName(source)} ${field}`] = source[field];
      }
      return record;
    },
  };
}

function markName({ stage, topic, partition }: SourcePosition): string {
  return `mark ${stage} ${topic} ${partition}`;
}

/** A device's alarms lie in the partition of the same number as its input: the source says which it was. */
function restoreMarks(stored: Readonly<Record<string, number>>): readonly SourceMark[] {
  const marks: SourceMark[] = [];
  for (const key of Object.keys(stored)) {
    if (!key.startsWith("mark ") || !key.endsWith(" generation")) continue;
    const name = key.slice(0, -" generation".length);
    const numbers = MARK_FIELDS.map((field) => stored[`${name} ${field}`] ?? 0);
    const source = parseSourcePosition([name.slice("mark ".length), ...numbers].join(" "));
    if (source) marks.push({ topic: ALARMS_TOPIC, partition: source.partition, source });
  }
  return marks;
}
