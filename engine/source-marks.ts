import { compareSourcePositions, type SourcePosition } from "../core/source-position.ts";

/** The greatest source position taken from one partition of a derived topic, per stage and input partition. */
export interface SourceMark {
  /** The derived topic and partition that was read. */
  readonly topic: string;
  readonly partition: number;
  readonly source: SourcePosition;
}

/**
 * High-water marks: a record whose source position is not above its mark was read before and is dropped. Kept per partition that is
 * read, because the outputs of one input come through several topics, and those are not read in step.
 */
export class SourceMarks {
  readonly #lanes = new Map<string, Lane>();
  #changed: Lane[] = [];
  /** Of the record before: most come from where that came from, and making a key costs more than comparing. */
  #last: Lane | null = null;

  /** True when the record is new; its position is the mark from then on. */
  takeIfNew(topic: string, partition: number, source: SourcePosition): boolean {
    const last = this.#last;
    const isSame = last !== null && isSameLane(last, topic, partition, source);
    const lane = isSame ? last : this.#lanes.get(keyOf(topic, partition, source));
    if (lane === undefined) {
      this.#change(this.#open({ topic, partition, source }));
      return true;
    }
    this.#last = lane;
    if (compareSourcePositions(source, lane.source) <= 0) return false;
    lane.source = source;
    if (!lane.isChanged) this.#change(lane);
    return true;
  }

  /** Takes marks over as they are, lower ones too. */
  load(marks: readonly SourceMark[]): void {
    for (const mark of marks) {
      const known = this.#lanes.get(keyOf(mark.topic, mark.partition, mark.source));
      if (known === undefined) this.#open(mark);
      else known.source = mark.source;
    }
  }

  /** Takes over the marks that are above its own. */
  raise(marks: readonly SourceMark[]): void {
    for (const { topic, partition, source } of marks) this.takeIfNew(topic, partition, source);
  }

  clear(): void {
    this.#lanes.clear();
    this.#changed = [];
    this.#last = null;
  }

  all(): readonly SourceMark[] {
    return [...this.#lanes.values()].map(markOf);
  }

  /** The marks that moved since the last call. */
  takeChanged(): readonly SourceMark[] {
    const changed = this.#changed;
    this.#changed = [];
    for (const lane of changed) lane.isChanged = false;
    return changed.map(markOf);
  }

  #open({ topic, partition, source }: SourceMark): Lane {
    const lane = { topic, partition, source, isChanged: false };
    this.#lanes.set(keyOf(topic, partition, source), lane);
    this.#last = lane;
    return lane;
  }

  #change(lane: Lane): void {
    lane.isChanged = true;
    this.#changed.push(lane);
  }
}

/** A mark that moves. */
interface Lane {
  readonly topic: string;
  readonly partition: number;
  source: SourcePosition;
  isChanged: boolean;
}

function markOf({ topic, partition, source }: Lane): SourceMark {
  return { topic, partition, source };
}

function isSameLane(
  { topic, partition, source }: Lane,
  ofTopic: string,
  ofPartition: number,
  of: SourcePosition,
): boolean {
  return (
    topic === ofTopic &&
    partition === ofPartition &&
    source.partition === of.partition &&
    source.stage === of.stage &&
    source.topic === of.topic
  );
}

function keyOf(topic: string, partition: number, source: SourcePosition): string {
  return `${topic} ${partition} ${source.stage} ${source.topic} ${source.partition}`;
}
