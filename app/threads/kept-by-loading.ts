import { garbageCollector } from "../memory/collect-garbage.ts";

const TIMES = 4;
/** So much is known well enough from fewer times, and more of it might not fit. */
const PLENTY_BYTES = 8 * 1024 ** 2;

/** What stays in memory of each time that something is loaded, bytes, on the heap and in buffers: the mean of some times. */
export function keptByLoading(load: () => unknown): number {
  const collect = garbageCollector();
  const used = (): number => {
    collect?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const loaded: unknown[] = [];
  let kept = 0;
  while (loaded.length < TIMES && kept < PLENTY_BYTES) {
    loaded.push(load());
    kept = used() - before;
  }
  return Math.max(0, Math.round(kept / loaded.length));
}
