import { getHeapStatistics } from "node:v8";
import { garbageCollector } from "../memory/collect-garbage.ts";

const MIB = 1024 ** 2;
/** What comes on top of what is left after a collection before the next one is made. */
const GARBAGE_BYTES = 32 * MIB;

/**
 * Looks, between the calls of a thread, at what it keeps on its heap. Throws what Node ends a thread with whose heap is full, as soon as more than
 * `megabytes` stays after a collection: V8's own ceiling is above that (`heapCeiling`), because the process would end with a thread that meets it in one step.
 */
export function createOwnHeap(megabytes: number): { look(): void } {
  const bytesMax = megabytes * MIB;
  let collect: (() => void) | null = null;
  let bytesFree = bytesMax;
  return {
    look() {
      if (usedBytes() <= bytesFree) return;
      collect ??= garbageCollector();
      // What may be garbage ends nothing.
      if (collect === null) return;
      collect();
      const kept = usedBytes();
      if (kept > bytesMax) throw outOfMemory(kept, megabytes);
      bytesFree = Math.max(bytesMax, kept + GARBAGE_BYTES);
    },
  };
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}

function outOfMemory(bytes: number, megabytes: number): Error {
  const error = new Error(`${Math.round(bytes / MIB)} MiB are kept on the heap, and ${megabytes} may be`);
  return Object.assign(error, { code: "ERR_WORKER_OUT_OF_MEMORY" });
}
