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

/** Digits only: Number() would take "", "1e3" and "0x5" too. */
const POSITION = /^([^ ]+) ([^ ]+) (\d+) (\d+) (\d+) (\d+) (\d+)$/;

/** Null when the text is not a source position. */
export function parseSourcePosition(text: string): SourcePosition | null {
  const parts = POSITION.exec(text);
  if (parts === null) return null;
  const [, stage = "", topic = ""] = parts;
  const numbers = parts.slice(3).map(Number);
  if (!numbers.every(Number.isSafeInteger)) return null;
  const [partition = 0, generation = 0, offset = 0, step = 0, index = 0] = numbers;
  return { stage, topic, partition, generation, offset, step, index };
}

/** Orders positions of one (stage, topic, partition): generation, then offset, step, index. */
export function compareSourcePositions(a: SourcePosition, b: SourcePosition): number {
  return a.generation - b.generation || a.offset - b.offset || a.step - b.step || a.index - b.index;
}
