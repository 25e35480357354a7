/** What can lie in an IndexedHeap: it knows its own place, -1 outside. */
export interface HeapItem {
  heapIndex: number;
}

/** A binary min-heap whose items can be moved and removed in O(log n), so that it never holds a stale entry. */
export class IndexedHeap<Item extends HeapItem> {
  private items: Item[] = [];
  private readonly compare: (a: Item, b: Item) => number;

  constructor(compare: (a: Item, b: Item) => number) {
    this.compare = compare;
  }

  get size(): number {
    return this.items.length;
  }

  peek(): Item | undefined {
    return this.items[0];
  }

  /** Puts the item where its present order says, adding it when absent. */
  update(item: Item): void {
    if (item.heapIndex < 0) {
      item.heapIndex = this.items.length;
      // Nearly every key has one timer: an array that is pushed to has room for many.
      if (this.items.length === 0) this.items = [item];
      else this.items.push(item);
    }
    this.siftUp(item);
    this.siftDown(item);
  }

  remove(item: Item): void {
    const index = item.heapIndex;
    if (index < 0) return;
    const last = this.items.pop();
    item.heapIndex = -1;
    if (last === undefined || last === item) return;
    this.items[index] = last;
    last.heapIndex = index;
    this.siftUp(last);
    this.siftDown(last);
  }

  private siftUp(item: Item): void {
    let index = item.heapIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.items[above];
      if (parent === undefined || this.compare(parent, item) <= 0) break;
      this.items[index] = parent;
      parent.heapIndex = index;
      index = above;
    }
    this.items[index] = item;
    item.heapIndex = index;
  }

  private siftDown(item: Item): void {
    let index = item.heapIndex;
    for (;;) {
      let below = 2 * index + 1;
      let child = this.items[below];
      if (child === undefined) break;
      const right = this.items[below + 1];
      if (right !== undefined && this.compare(right, child) < 0) {
        child = right;
        below += 1;
      }
      if (this.compare(item, child) <= 0) break;
      this.items[index] = child;
      child.heapIndex = index;
      index = below;
    }
    this.items[index] = item;
    item.heapIndex = index;
  }
}
