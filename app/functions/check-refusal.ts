import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { FunctionCheckAnswer } from "./check-answer.ts";
import type { CheckEnd } from "./check-process.ts";

export interface Refusal {
  readonly text: string;
  readonly remedy: string;
  /** Of the code, where it is known. */
  readonly stack: string;
}

interface CheckLimits {
  readonly heapMib: number;
  readonly loadMsMax: number;
}

const ONLY_DEFINE = "A module should only define its functions:";
const LESS_MEMORY = `${ONLY_DEFINE} make what it builds smaller, or keep it in a reference table (docs/functions.md).`;
const NO_PROCESS = `${ONLY_DEFINE} leave out what ends processes or writes to files, also in the packages that it imports.`;
const OUT_OF_MEMORY = /out of memory|Allocation failed/i;

/** What the code is refused with; null when it was loaded. THREAD_ENDED when the process ended before it came to the code. */
export function refusalOf(end: CheckEnd, { heapMib, loadMsMax }: CheckLimits): Refusal | null {
  const late = [`it is not loaded within ${loadMsMax} ms`, `${ONLY_DEFINE} look for a loop outside of them.`] as const;
  switch (end.outcome) {
    case "answered":
      return refusalOfAnswer(end.answer);
    case "late":
      return refused(...late, end.stack);
    case "silent":
      return refused(...late);
    case "heap-full":
      return refused(`it cannot be loaded: it takes more memory than ${heapMib} MiB of heap`, LESS_MEMORY);
    case "memory-full": {
      const text = `it cannot be loaded: its process takes more memory than ${heapMib + LIMITS.functionProcessMib} MiB, buffers included`;
      return refused(text, LESS_MEMORY, end.stack);
    }
    case "exited":
      return refused("it cannot be loaded: it ends its thread (process.exit)", NO_PROCESS);
    case "thrown": {
      const text = `it cannot be loaded: a promise or a callback of it fails afterwards: ${end.text}`;
      return refused(text, `${ONLY_DEFINE} nothing may be under way when it has been loaded.`, end.stack);
    }
    case "unreadable":
      return refused("it cannot be loaded: it has written into what its check answers", NO_PROCESS);
    case "ended":
      return refusalOfDeath(end, heapMib);
  }
}

function refusalOfAnswer(answer: FunctionCheckAnswer): Refusal | null {
  if ("functions" in answer) return null;
  return { text: answer.message, remedy: answer.remedy, stack: answer.stack };
}

function refusalOfDeath({ how, begun, lastWords }: Extract<CheckEnd, { outcome: "ended" }>, heapMib: number): Refusal {
  if (!begun) {
    throw new MillraceError("THREAD_ENDED", `the process that checks functions has ended before it began: ${how}`, {
      cause: lastWords,
      remedy: "Try again; if it lasts, look whether the machine has memory and processes left (millrace doctor).",
    });
  }
  if (OUT_OF_MEMORY.test(lastWords)) {
    const text = `it cannot be loaded: in one step it takes more memory than is left of ${heapMib} MiB of heap, for which V8 ends the whole process`;
    return refused(text, LESS_MEMORY);
  }
  if (how === "SIGKILL") {
    const text =
      "it cannot be loaded: its process was killed (SIGKILL), by the code itself or by a system that has no memory left";
    return refused(text, LESS_MEMORY);
  }
  return refused(`it cannot be loaded: its process has ended with it (${how})`, NO_PROCESS);
}

function refused(text: string, remedy: string, stack = ""): Refusal {
  return { text, remedy, stack };
}
