import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IndexedHeap } from "../../../engine/indexed-heap.ts";
import type { HeapItem } from "../../../engine/indexed-heap.ts";

interface Item extends HeapItem {
  rank: number;
  readonly id: number;
}

const change = fc.record({ id: fc.nat(15), rank: fc.option(fc.nat(30)) });

describe("an indexed heap", () => {
  it("always has the least item on top, through moves and removals", () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const heap = new IndexedHeap<Item>((a, b) => a.rank - b.rank || a.id - b.id);
        const items = Array.from({ length: 16 }, (_, id): Item => ({ id, rank: 0, heapIndex: -1 }));
        const inside = new Set<Item>();
        for (const { id, rank } of changes) {
          const item = items[id];
          if (item === undefined) continue;
          if (rank === null) {
            heap.remove(item);
            inside.delete(item);
          } else {
            item.rank = rank;
            heap.update(item);
            inside.add(item);
          }
          const least = [...inside].sort((a, b) => a.rank - b.rank || a.id - b.id)[0];
          expect(heap.peek()).toBe(least);
          expect(heap.size).toBe(inside.size);
        }
      }),
    );
  });
});
