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
  readonly #marks = new Map<string, SourceMark>();
  readonly #changed = new Set<string>();
  /** Of the record before: most come from where that came from, and making a key costs more than comparing. */
  #last: { readonly key: string; readonly mark: SourceMark } | null = null;

  /** True when the record is new; its position is the mark from then on. */
  takeIfNew(topic: string, partition: number, source: SourcePosition): boolean {
    const last = this.#last;
    const key =
      last !== null && isSameLane(last.mark, topic, partition, source) ? last.key : keyOf(topic, partition, source);
    const known = this.#marks.get(key);
    if (known !== undefined && compareSourcePositions(source, known.source) <= 0) return false;
    const mark = { topic, partition, source };
    this.#marks.set(key, mark);
    this.#changed.add(key);
    this.#last = { key, mark };
    return true;
  }

  /** Takes marks over as they are, lower ones too. */
  load(marks: readonly SourceMark[]): void {
    for (const mark of marks) this.#marks.set(keyOf(mark.topic, mark.partition, mark.source), mark);
  }

  /** Takes over the marks that are above its own. */
  raise(marks: readonly SourceMark[]): void {
    for (const { topic, partition, source } of marks) this.takeIfNew(topic, partition, source);
  }

  clear(): void {
    this.#marks.clear();
    this.#changed.clear();
  }

  all(): readonly SourceMark[] {
    return [...this.#marks.values()];
  }

  /** The marks that moved since the last call. */
  takeChanged(): readonly SourceMark[] {
    const marks = [...this.#changed].flatMap((key) => this.#marks.get(key) ?? []);
    this.#changed.clear();
    return marks;
  }
}

function isSameLane(
  { topic, partition, source }: SourceMark,
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
