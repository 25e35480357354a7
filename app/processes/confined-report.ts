/** What a process is to do for somebody: one line of JSON on its standard input, which stays open as long as anybody waits for the answer. */
export interface ConfinedJob {
  /** The URL of what its thread starts with. */
  readonly thread: string;
  /** Of the thread, in the system. */
  readonly name: string;
  /** `workerData` of it: V8's serialisation, in base64. */
  readonly data: string;
  /** The thread posts null when the start is over, and begins with users' code when null comes back; else that is when it runs. */
  readonly announces: boolean;
  readonly heapMib: number;
  /** From the beginning: CPU time, and time by the clock. */
  readonly cpuMsMax: number;
  readonly wallMsMax: number;
}

/**
 * What it says of it, one line of JSON each: `begun`, then one other. The stacks are of the code, as errors have them, and empty where nobody
 * knows. What the code does to the process itself cannot be said in it any more: then it ends without.
 */
export type ConfinedReport =
  | { readonly outcome: "begun" }
  /** What the thread has posted: V8's serialisation, in base64. */
  | { readonly outcome: "answered"; readonly answer: string }
  | { readonly outcome: "late"; readonly stack: string }
  | { readonly outcome: "heap-full" }
  /** Of buffers, which are outside of heaps. */
  | { readonly outcome: "memory-full"; readonly stack: string }
  /** It has called process.exit. */
  | { readonly outcome: "exited" }
  /** By the thread: its code, or a promise or a callback of it. */
  | { readonly outcome: "thrown"; readonly text: string; readonly stack: string };

/** Of the child: reports go there, because standard output is whatever the code prints. */
export const REPORT_FD = 3;
