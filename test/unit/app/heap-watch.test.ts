import { describe, expect, it } from "vitest";
import { HeapWatch, heapCeiling, untilHeapIsFull } from "../../../app/threads/heap-watch.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { HeapInfo } from "node:v8";

const MIB = 1024 ** 2;
const LIMIT_MIB = 64;
const FULL_MIB = LIMIT_MIB + LIMITS.heapGarbageMib + 1;

const stating = (mib: () => number) => ({
  getHeapStatistics: async () => ({ used_heap_size: mib() * MIB }) as HeapInfo,
});
const reading = (marks: number, call = 1) => ({ marks, beats: 1, at: { partition: 0, offset: 0, step: 0, call } });
const answered = () => new Promise((resolve) => setImmediate(resolve));

describe("a look at a thread's heap from outside", () => {
  it("finds a call that lasts and has more than the thread may have", async () => {
    const watch = new HeapWatch(
      stating(() => FULL_MIB),
      LIMIT_MIB,
    );
    for (let look = 0; look < 3; look += 1) {
      expect(watch.isFull(reading(1))).toBe(false);
      await answered();
    }
    expect(watch.isFull(reading(1))).toBe(true);
  });

  it("asks nothing of calls that come and go, and leaves what is between them to the thread", async () => {
    let asked = 0;
    const watch = new HeapWatch(
      stating(() => ((asked += 1), FULL_MIB)),
      LIMIT_MIB,
    );
    for (let marks = 1; marks < 10; marks += 1) expect(watch.isFull(reading(marks))).toBe(false);
    for (let look = 0; look < 3; look += 1) {
      expect(watch.isFull(reading(10, 0))).toBe(false);
      await answered();
    }
    expect(asked).toBe(0);
  });

  it("takes no garbage that V8 collects a moment later for a full heap", async () => {
    const stays = [FULL_MIB, 1, FULL_MIB, 1, FULL_MIB];
    let looks = 0;
    const watch = new HeapWatch(
      stating(() => stays[looks++ % stays.length] ?? 1),
      LIMIT_MIB,
    );
    for (let look = 0; look < 5; look += 1) {
      expect(watch.isFull(reading(1))).toBe(false);
      await answered();
    }
    expect(looks).toBe(4);
  });

  it("holds nothing against the call that comes after", async () => {
    const watch = new HeapWatch(
      stating(() => FULL_MIB),
      LIMIT_MIB,
    );
    for (let look = 0; look < 4; look += 1) {
      watch.isFull(reading(1));
      await answered();
    }
    expect(watch.isFull(reading(1))).toBe(true);
    expect(watch.isFull(reading(3))).toBe(false);
  });

  it("leaves garbage to V8, whose own ceiling is far above", async () => {
    const watch = new HeapWatch(
      stating(() => FULL_MIB - 2),
      LIMIT_MIB,
    );
    for (let look = 0; look < 3; look += 1) {
      expect(watch.isFull(reading(1))).toBe(false);
      await answered();
    }
    expect(heapCeiling(LIMIT_MIB).maxOldGenerationSizeMb).toBe(FULL_MIB - 1 + LIMITS.heapStepMib);
  });
});

describe("waiting for the heap of a thread that looks at it too", () => {
  it("ends when it stays full, not when it was once", async () => {
    const stays = [FULL_MIB, FULL_MIB, 1, FULL_MIB, FULL_MIB, FULL_MIB];
    let looks = 0;
    const worker = stating(() => stays[looks++] ?? 1);
    await expect(untilHeapIsFull(worker, LIMIT_MIB, new AbortController().signal)).rejects.toThrow("64 MiB");
    expect(looks).toBe(6);
  });

  it("asks no more when nobody waits", async () => {
    const over = new AbortController();
    let looks = 0;
    void untilHeapIsFull(
      stating(() => ((looks += 1), 1)),
      LIMIT_MIB,
      over.signal,
    );
    await answered();
    over.abort();
    await answered();
    expect(looks).toBe(1);
  });
});
