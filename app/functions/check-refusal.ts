import { checkAnswerSchema, type LoadedFunctions } from "./check-answer.ts";
import { faultOf, type ConfinedFault } from "./confined-end.ts";
import type { ConfinedEnd } from "./confined-process.ts";

/** What code is refused with. */
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
const REMEDIES: Readonly<Record<ConfinedFault["kind"], string>> = {
  late: `${ONLY_DEFINE} look for a loop outside of them.`,
  memory: `${ONLY_DEFINE} make what it builds smaller, or keep it in a reference table (docs/functions.md).`,
  thrown: `${ONLY_DEFINE} nothing may be under way when it has been loaded.`,
  process: `${ONLY_DEFINE} leave out what ends processes or writes to files, also in the packages that it imports.`,
};
const FORGED: ConfinedFault = { kind: "process", text: "it has answered in the place of its check", stack: "" };

/** What the code exports, or why it is refused. THREAD_ENDED when it was not come to. */
export function loadedOrRefused(end: ConfinedEnd, limits: CheckLimits): LoadedFunctions | Refusal {
  const fault = faultOf(end, limits.heapMib);
  if (fault !== null) return refused(fault, limits);
  const { data } = checkAnswerSchema.safeParse(end.outcome === "answered" ? end.answer : null);
  if (data === undefined) return refused(FORGED, limits);
  if ("functions" in data) return data;
  return { text: data.message, remedy: data.remedy, stack: data.stack };
}

function refused({ kind, text, stack }: ConfinedFault, { loadMsMax }: CheckLimits): Refusal {
  const remedy = REMEDIES[kind];
  if (kind === "late") return { text: `it is not loaded within ${loadMsMax} ms`, remedy, stack };
  const what = kind === "thrown" ? `a promise or a callback of it fails afterwards: ${text}` : text;
  return { text: `it cannot be loaded: ${what}`, remedy, stack };
}
