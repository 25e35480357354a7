interface Timed {
  readonly at: number;
  readonly run: (at: number) => void;
}

/** Things that happen at a time, the earliest first: a binary heap, since thousands wait at once. */
export class TimeQueue {
  readonly #heap: Timed[] = [];

  schedule(at: number, run: (at: number) => void): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push({ at, run });
    for (let up = (place - 1) >> 1; place > 0 && at < (heap[up]?.at ?? at); up = (place - 1) >> 1) {
      this.#swap(place, up);
      place = up;
    }
  }

  /** Runs all that happens before `end`, with what it schedules. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at < end; next = this.#heap[0]) {
      this.#takeFirst();
      next.run(next.at);
    }
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let place = 0; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      let least = place;
      if (this.#isBefore(left, least)) least = left;
      if (this.#isBefore(right, least)) least = right;
      if (least === place) return;
      this.#swap(place, least);
      place = least;
    }
  }

  #isBefore(place: number, other: number): boolean {
    return (this.#heap[place]?.at ?? Infinity) < (this.#heap[other]?.at ?? Infinity);
  }

  #swap(place: number, other: number): void {
    const [one, two] = [this.#heap[place], this.#heap[other]];
    if (one === undefined || two === undefined) return;
    this.#heap[place] = two;
    this.#heap[other] = one;
  }
}
