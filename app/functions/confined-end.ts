import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ConfinedEnd } from "./confined-process.ts";

/** What users' code has done to its process, in place of an answer. */
export interface ConfinedFault {
  readonly kind: "late" | "memory" | "thrown" | "process";
  /** For people, without a subject: what it did. Empty of what is late. */
  readonly text: string;
  /** Of the code, where it is known. */
  readonly stack: string;
}

const OUT_OF_MEMORY = /out of memory|Allocation failed/i;

/** Null when it has answered. THREAD_ENDED when the process ended before it came to the code, which is not the code's doing. */
export function faultOf(end: ConfinedEnd, heapMib: number): ConfinedFault | null {
  switch (end.outcome) {
    case "answered":
      return null;
    case "late":
      return { kind: "late", text: "", stack: end.stack };
    case "silent":
      return { kind: "late", text: "", stack: "" };
    case "heap-full":
      return { kind: "memory", text: `it takes more memory than ${heapMib} MiB of heap`, stack: "" };
    case "memory-full": {
      const mib = heapMib + LIMITS.functionProcessMib;
      return {
        kind: "memory",
        text: `its process takes more memory than ${mib} MiB, buffers included`,
        stack: end.stack,
      };
    }
    case "exited":
      return { kind: "process", text: "it ends its thread (process.exit)", stack: "" };
    case "thrown":
      return { kind: "thrown", text: end.text, stack: end.stack };
    case "unreadable":
      return { kind: "process", text: "it has written into what its process answers", stack: "" };
    case "ended":
      return faultOfDeath(end, heapMib);
  }
}

function faultOfDeath(end: Extract<ConfinedEnd, { outcome: "ended" }>, heapMib: number): ConfinedFault {
  const { how, begun, lastWords } = end;
  if (!begun) {
    throw new MillraceError("THREAD_ENDED", `a process for users' code has ended before it began: ${how}`, {
      cause: lastWords,
      remedy: "Try again; if it lasts, look whether the machine has memory and processes left (millrace doctor).",
    });
  }
  if (OUT_OF_MEMORY.test(lastWords)) {
    const text = `in one step it takes more memory than is left of ${heapMib} MiB of heap, for which V8 ends the whole process`;
    return { kind: "memory", text, stack: "" };
  }
  if (how === "SIGKILL") {
    const text = "its process was killed (SIGKILL), by the code itself or by a system that has no memory left";
    return { kind: "memory", text, stack: "" };
  }
  return { kind: "process", text: `its process has ended with it (${how})`, stack: "" };
}
