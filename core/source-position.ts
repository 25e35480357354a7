/**
 * Where a derived record came from. It makes every output identifiable across crashes and restarts: readers keep the greatest one
 * per (stage, topic, partition) and drop what is not above it. `step` counts the steps within the record at `offset` (timers that
 * fire before it come first), `index` the outputs within the step. `generation` grows only on restore from backup, replay, reset
 * and migration, and is compared first.
 */
export interface SourcePosition {
  readonly stage: string;
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
  readonly offset: number;
  readonly step: number;
  readonly index: number;
}

/** `stage topic partition generation offset step index`, blank separated: the text of the `src` header. */
export function formatSourcePosition(p: SourcePosition): string {
  return `${p.stage} ${p.topic} ${p.partition} ${p.generation} ${p.offset} ${p.step} ${p.index}`;
}

const BLANK = 0x20;
const [ZERO, NINE] = [0x30, 0x39];
const NUMBERS = 5;

/** Null when the text is not a source position. Read by hand: this happens for every record that a reader takes. */
export function parseSourcePosition(text: string): SourcePosition | null {
  const stageEnd = text.indexOf(" ");
  const topicEnd = text.indexOf(" ", stageEnd + 1);
  if (stageEnd < 1 || topicEnd <= stageEnd + 1) return null;
  const numbers = [0, 0, 0, 0, 0];
  let at = topicEnd;
  for (let index = 0; index < NUMBERS; index += 1) {
    if (text.charCodeAt(at) !== BLANK) return null;
    const start = at + 1;
    let value = 0;
    for (at = start; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      // Digits only: Number() would take "", "1e3" and "0x5" too.
      if (unit < ZERO || unit > NINE) break;
      value = value * 10 + (unit - ZERO);
    }
    if (at === start || !Number.isSafeInteger(value)) return null;
    numbers[index] = value;
  }
  if (at !== text.length) return null;
  const [partition = 0, generation = 0, offset = 0, step = 0, index = 0] = numbers;
  return {
    stage: text.slice(0, stageEnd),
    topic: text.slice(stageEnd + 1, topicEnd),
    partition,
    generation,
    offset,
    step,
    index,
  };
}

/** Orders positions of one (stage, topic, partition): generation, then offset, step, index. */
export function compareSourcePositions(a: SourcePosition, b: SourcePosition): number {
  return a.generation - b.generation || a.offset - b.offset || a.step - b.step || a.index - b.index;
}
