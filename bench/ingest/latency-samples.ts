import { latencyOf, type Latency } from "../statistics.ts";

/** Coprime to the batches of all shapes, so that no place in a batch is left out. */
const EVERY = 7;
const KEPT = 1 << 20;

/** Latencies in ms of every seventh message; of more than a million samples the latest. */
export class LatencySamples {
  readonly #kept = new Float32Array(KEPT);
  #seen = 0;
  #count = 0;

  add(milliseconds: number): void {
    if (++this.#seen % EVERY !== 0) return;
    this.#kept[this.#count % KEPT] = milliseconds;
    this.#count += 1;
  }

  /** Lets go of what was added: to sort it in the middle of a load would hold up the load by as much as a PUBACK is late at worst. */
  forget(): void {
    this.#count = 0;
  }

  /** Of what was added since the last `forget`. */
  latency(): Latency {
    return latencyOf(Array.from(this.#kept.subarray(0, Math.min(this.#count, KEPT))));
  }
}
