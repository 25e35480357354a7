import { type Answer, writeAnswer } from "../wire/mqtt-answers.ts";

const FEW = 8;
const NONE: number[] = [];
const ID_BITS = 16;
const ID_MASK = 0xffff;

/** The messages of one connection that wait for their PUBACK or PUBREC, in order. */
export class AnswerQueue {
  length = 0;
  /** A ring: as many as fit are a power of two. Answer and packet id in one number. */
  #answers = NONE;
  #first = 0;

  push(answer: Answer, packetId: number): void {
    if (this.length === this.#answers.length) this.#grow();
    this.#answers[(this.#first + this.length) & (this.#answers.length - 1)] = (answer << ID_BITS) | packetId;
    this.length += 1;
  }

  /** Takes the first `count` out and writes them at this position. Returns the one behind them. */
  takeInto(bytes: Buffer, at: number, count: number): number {
    const answers = this.#answers;
    let end = at;
    for (let index = 0; index < count; index++) {
      const answer = answers[(this.#first + index) & (answers.length - 1)] ?? 0;
      end = writeAnswer(bytes, end, answer >> ID_BITS, answer & ID_MASK);
    }
    this.#first = (this.#first + count) & (answers.length - 1);
    this.length -= count;
    return end;
  }

  #grow(): void {
    const grown: number[] = Array.from({ length: Math.max(FEW, this.#answers.length * 2) }, () => 0);
    for (let index = 0; index < this.length; index++) {
      grown[index] = this.#answers[(this.#first + index) & (this.#answers.length - 1)] ?? 0;
    }
    this.#answers = grown;
    this.#first = 0;
  }
}
