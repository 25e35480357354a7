import { PUBACK_BYTES, writePuback } from "../wire/mqtt-answers.ts";

const FEW = 8;

/** The packet ids of one connection that wait for their PUBACK, in order. */
export class PubackQueue {
  length = 0;
  /** A ring: as many as fit are a power of two. */
  #ids = new Uint16Array(FEW);
  #first = 0;

  push(packetId: number): void {
    if (this.length === this.#ids.length) this.#grow();
    this.#ids[(this.#first + this.length) & (this.#ids.length - 1)] = packetId;
    this.length += 1;
  }

  /** Takes the first `count` out. */
  take(count: number): Buffer {
    const ids = this.#ids;
    const pubacks = Buffer.allocUnsafe(count * PUBACK_BYTES);
    for (let index = 0; index < count; index++) {
      writePuback(pubacks, index * PUBACK_BYTES, ids[(this.#first + index) & (ids.length - 1)] ?? 0);
    }
    this.#first = (this.#first + count) & (ids.length - 1);
    this.length -= count;
    return pubacks;
  }

  #grow(): void {
    const grown = new Uint16Array(this.#ids.length * 2);
    for (let index = 0; index < this.length; index++) {
      grown[index] = this.#ids[(this.#first + index) & (this.#ids.length - 1)] ?? 0;
    }
    this.#ids = grown;
    this.#first = 0;
  }
}
