import { LIMITS } from "../../core/limits.ts";
import { writeCallMarks } from "./call-marks.ts";
import { createOwnHeap } from "./own-heap.ts";
import type { HeldMarker } from "../../runtime/suspects.ts";

/**
 * What a thread of users' functions says about itself from here on: that it has come so far, that its event loop turns, and in which call it is. It dies of a heap
 * that holds more than `heapMib` after a call; while records are worked one by one, in that call.
 */
export function beginMarking(marks: SharedArrayBuffer, heapMib: number): HeldMarker {
  const marker = writeCallMarks(marks);
  const heap = createOwnHeap(heapMib);
  marker.beat();
  setInterval(() => {
    marker.beat();
    heap.look();
  }, LIMITS.functionWatchMs);
  const release = (): void => {
    heap.look();
    marker.release();
  };
  return { ...marker, release };
}
