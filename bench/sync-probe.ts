import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { latencyOf } from "./statistics.ts";
import type { Latency } from "./statistics.ts";

const WRITES = 500;
const BYTES = 4096;

/** What the disk itself can do: writes of 4 KiB at the end of a file, each followed by fdatasync. */
export function probeSync(directory: string): Latency {
  const file = join(directory, "sync-probe");
  const descriptor = openSync(file, "w");
  const block = Buffer.alloc(BYTES, 1);
  const took: number[] = [];
  for (let count = 0; count < WRITES; count += 1) {
    const begun = performance.now();
    writeSync(descriptor, block, 0, BYTES, count * BYTES);
    fdatasyncSync(descriptor);
    took.push(performance.now() - begun);
  }
  closeSync(descriptor);
  rmSync(file);
  return latencyOf(took);
}
