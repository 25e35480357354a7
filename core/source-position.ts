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

/** Stage and topic of the text that was read last, with the blank behind each: those of the next one nearly always. */
const last = { head: "", stage: "", topic: "" };

/** Null when the text is not a source position. Read by hand: this happens for every record that a reader takes. */
export function parseSourcePosition(text: string): SourcePosition | null {
  if ((last.head === "" || !text.startsWith(last.head)) && !readHead(text)) return null;
  const { stage, topic } = last;
  let [partition, generation, offset, step] = [0, 0, 0, 0];
  let [numbers, digits, value] = [0, 0, 0];
  for (let at = last.head.length; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    // Digits only: Number() would take "", "1e3" and "0x5" too.
    if (unit >= ZERO && unit <= NINE) {
      value = value * 10 + (unit - ZERO);
      digits += 1;
      continue;
    }
    if (unit !== BLANK || digits === 0 || !Number.isSafeInteger(value)) return null;
    if (numbers === 0) partition = value;
    else if (numbers === 1) generation = value;
    else if (numbers === 2) offset = value;
    else step = value;
    numbers += 1;
    digits = 0;
    value = 0;
  }
  if (numbers !== NUMBERS - 1 || digits === 0 || !Number.isSafeInteger(value)) return null;
  return { stage, topic, partition, generation, offset, step, index: value };
}

function readHead(text: string): boolean {
  const stageEnd = text.indexOf(" ");
  const topicEnd = text.indexOf(" ", stageEnd + 1);
  if (stageEnd < 1 || topicEnd <= stageEnd + 1) return false;
  last.head = text.slice(0, topicEnd + 1);
  last.stage = text.slice(0, stageEnd);
  last.topic = text.slice(stageEnd + 1, topicEnd);
  return true;
}

/** Orders positions of one (stage, topic, partition): generation, then offset, step, index. */
export function compareSourcePositions(a: SourcePosition, b: SourcePosition): number {
  return a.generation - b.generation || a.offset - b.offset || a.step - b.step || a.index - b.index;
}
