import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import type { ResourceLimits, Worker } from "node:worker_threads";
import type { CallReading } from "./call-marks.ts";

const MIB = 1024 ** 2;
/** V8 may be about to collect at one. */
const FULL_LOOKS = 2;

/**
 * What V8 is told that a thread may have, which is more than it may have. V8 ends the process when what is asked for in one step (a Map that doubles, what lives
 * through a collection of the young generation) does not fit; so whoever watches the thread, and the thread itself (`createOwnHeap`), are to be there long before.
 */
export function heapCeiling(megabytes: number): ResourceLimits {
  return { maxOldGenerationSizeMb: withGarbage(megabytes) + LIMITS.heapStepMib };
}

/** What is on a heap at most, MiB, of which `megabytes` may be kept. */
function withGarbage(megabytes: number): number {
  return megabytes + LIMITS.heapGarbageMib;
}

/** Sees from outside whether a call of a function has filled the heap: the thread cannot look while it lasts. */
export class HeapWatch {
  private readonly worker: Partial<Pick<Worker, "getHeapStatistics">>;
  private readonly bytesMax: number;
  private call = 0;
  /** In a row, of that call. */
  private fullLooks = 0;

  constructor(worker: Partial<Pick<Worker, "getHeapStatistics">>, megabytes: number) {
    this.worker = worker;
    this.bytesMax = withGarbage(megabytes) * MIB;
  }

  /** True once the call that runs now has had more than the thread may have, with the garbage that V8 may leave, at two looks behind one another. */
  isFull({ marks, at }: CallReading): boolean {
    if (at.call === 0) return false;
    if (marks === this.call) this.ask(marks);
    else this.fullLooks = 0;
    this.call = marks;
    return this.fullLooks >= FULL_LOOKS;
  }

  private ask(marks: number): void {
    this.worker.getHeapStatistics?.().then(
      ({ used_heap_size: bytes }) => {
        if (marks === this.call) this.fullLooks = bytes > this.bytesMax ? this.fullLooks + 1 : 0;
      },
      // It has ended, and whoever waits for that hears of it.
      () => undefined,
    );
  }
}

/** Looks in which a thread that can look itself would have found what is only garbage. */
const LOOKS = 3;

/** Rejects when a thread that looks at its own heap too has filled it in a call that does not let it. */
export async function untilHeapIsFull(
  worker: Pick<Worker, "getHeapStatistics">,
  megabytes: number,
  signal: AbortSignal,
): Promise<never> {
  const bytesMax = withGarbage(megabytes) * MIB;
  for (let full = 0; full < LOOKS && !signal.aborted; await pause(LIMITS.functionWatchMs, signal)) {
    // One that has ended does not answer, and whoever waits for its end hears of it.
    const heap = await worker.getHeapStatistics().catch(() => null);
    full = heap !== null && heap.used_heap_size > bytesMax ? full + 1 : 0;
  }
  if (signal.aborted) return await new Promise<never>(() => undefined);
  throw new MillraceError("LIMIT_EXCEEDED", `a call has filled the heap, which may have ${megabytes} MiB`);
}
