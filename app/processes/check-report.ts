/** What a process is to load for a check: one line of JSON on its standard input, which stays open as long as somebody waits for the answer. */
export interface CheckJob {
  readonly code: string;
  /** The URL of what its thread starts with. */
  readonly thread: string;
  readonly heapMib: number;
  /** CPU time: code is not refused because the machine is busy. What waits without using any has `WAITS_FACTOR` times as long. */
  readonly loadMsMax: number;
}

/**
 * What it says of it, one line of JSON each: `begun`, then one other. The stacks are of the code, as errors have them, and empty where nobody
 * knows. What the code does to the process itself cannot be said in it any more: then it ends without.
 */
export type CheckReport =
  | { readonly outcome: "begun" }
  /** Of the thread that loads it, whatever that is. */
  | { readonly outcome: "answered"; readonly answer: unknown }
  | { readonly outcome: "late"; readonly stack: string }
  | { readonly outcome: "heap-full" }
  /** Of buffers, which are outside of heaps. */
  | { readonly outcome: "memory-full"; readonly stack: string }
  /** It has called process.exit. */
  | { readonly outcome: "exited" }
  /** Later than its first run: in a promise, or a callback. */
  | { readonly outcome: "thrown"; readonly text: string; readonly stack: string };

/** Of the child: reports go there, because standard output is whatever the code prints. */
export const REPORT_FD = 3;

export const WAITS_FACTOR = 3;
