/** What can lie in NamedItems. */
export interface Named {
  readonly name: string;
}

/** Up to so many are found by looking at each. */
const FEW = 8;
const NONE: readonly never[] = [];

/**
 * Items by name, in the order in which they came. Most keys have one or two of a kind, and there are as many keys as devices: while they are few they lie
 * in an array of exactly their number, which takes a fraction of the memory of a Map and of the collector's time.
 */
export class NamedItems<Item extends Named> {
  private few: readonly Item[] = NONE;
  private many: Map<string, Item> | null = null;

  get size(): number {
    return this.many === null ? this.few.length : this.many.size;
  }

  get(name: string): Item | undefined {
    if (this.many !== null) return this.many.get(name);
    for (const item of this.few) if (item.name === name) return item;
    return undefined;
  }

  /** None of its name may be there. */
  add(item: Item): void {
    if (this.many !== null) this.many.set(item.name, item);
    else if (this.few.length < FEW) this.few = this.few.length === 0 ? [item] : [...this.few, item];
    else {
      this.many = new Map(this.few.map((known) => [known.name, known]));
      this.many.set(item.name, item);
      this.few = NONE;
    }
  }

  /** False when there is none of this name. */
  delete(name: string): boolean {
    if (this.many !== null) return this.many.delete(name);
    const { few } = this;
    if (this.get(name) === undefined) return false;
    this.few = few.length === 1 ? NONE : few.filter((item) => item.name !== name);
    return true;
  }

  /** As they are now: what is added or deleted meanwhile changes nothing of it. */
  values(): readonly Item[] {
    return this.many === null ? this.few : [...this.many.values()];
  }

  /** Of a Map no copy is made. */
  some(test: (item: Item) => boolean): boolean {
    if (this.many === null) return this.few.some(test);
    for (const item of this.many.values()) if (test(item)) return true;
    return false;
  }
}
