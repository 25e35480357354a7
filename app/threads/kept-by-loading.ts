import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const TIMES = 4;

/** What stays in memory of each time that something is loaded, bytes, on the heap and in buffers: the mean of some times. */
export function keptByLoading(load: () => unknown): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  const used = (): number => {
    if (typeof collect === "function") collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const loaded = Array.from({ length: TIMES }, load);
  const kept = (used() - before) / loaded.length;
  return Math.max(0, Math.round(kept));
}
