import { describe, expect, it } from "vitest";
import { createOwnHeap } from "../../../app/threads/own-heap.ts";
import { getHeapStatistics } from "node:v8";
import { runInNewContext } from "node:vm";

const MIB = 1024 ** 2;
const usedMib = (): number => getHeapStatistics().used_heap_size / MIB;
/** About one MiB each: 8 bytes a number. */
const mebibytes = (count: number): readonly number[][] =>
  Array.from({ length: count }, () => Array.from({ length: 131_072 }, (_, n) => n + 0.5));

describe("a thread's look at its own heap", () => {
  it("takes what is kept above the limit for a full heap", () => {
    const heap = createOwnHeap(Math.ceil(usedMib()) + 40);
    heap.look();
    const kept = mebibytes(120);
    expect(() => heap.look()).toThrow(expect.objectContaining({ code: "ERR_WORKER_OUT_OF_MEMORY" }));
    expect(kept).toHaveLength(120);
  });

  it("takes no garbage for it", () => {
    const heap = createOwnHeap(Math.ceil(usedMib()) + 60);
    for (let round = 0; round < 20; round += 1) {
      expect(mebibytes(30)).toHaveLength(30);
      heap.look();
    }
  });

  it("leaves nothing in later contexts by which a function could have memory collected", () => {
    const heap = createOwnHeap(1);
    expect(() => heap.look()).toThrow("may be");
    expect(runInNewContext("typeof gc")).toBe("undefined");
  });
});
