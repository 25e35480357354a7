import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { faultOf } from "./confined-end.ts";
import { runConfined } from "./confined-process.ts";

/** Work with users' code, over something that was read for it. */
export interface ProcessWork {
  /** The module of the thread: it works on `workerData`, and posts one message. */
  readonly module: URL;
  /** For people, in plural: "the versions". */
  readonly what: string;
  /** What was to be done, as a participle: "compared". */
  readonly done: string;
  readonly remedy: { readonly late: string; readonly broken: string };
}

const HOST = new URL("../processes/confined-host.ts", import.meta.url);
const MEGABYTES = 256;

/** As `inProcess` runs it. `late` and `broken`: what is said when it does not end, or fails, the cause behind it. */
export interface ConfinedWork {
  readonly module: URL;
  /** Of the thread. */
  readonly name?: string;
  readonly msMax: number;
  readonly megabytes: number;
  readonly late: Sentence;
  readonly broken: Sentence;
}

interface Sentence {
  readonly text: string;
  readonly remedy: string;
}

/** Code that never comes back, or takes all memory, ends with its process. `data`: plain values. TIMED_OUT, FUNCTION_INVALID. */
export function inProcess<Answer>({ module, what, done, remedy }: ProcessWork, data: unknown): Promise<Answer> {
  const late = { text: `${what} were not ${done} within ${LIMITS.shadowMsMax / 1000} s`, remedy: remedy.late };
  const broken = { text: `${what} cannot be ${done}`, remedy: remedy.broken };
  return confined<Answer>({ module, msMax: LIMITS.shadowMsMax, megabytes: MEGABYTES, late, broken }, data);
}

/** The same under limits and with sentences of one's own. */
export async function confined<Answer>(work: ConfinedWork, data: unknown): Promise<Answer> {
  const { module: thread, name = "confined", msMax, megabytes: heapMib, late, broken } = work;
  const end = await runConfined(HOST, {
    thread,
    name,
    data,
    announces: false,
    heapMib,
    cpuMsMax: Number.MAX_SAFE_INTEGER,
    wallMsMax: msMax,
    answerBytesMax: LIMITS.confinedAnswerBytesMax,
  });
  const fault = faultOf(end, heapMib);
  if (fault?.kind === "late") throw new MillraceError("TIMED_OUT", late.text, { remedy: late.remedy });
  if (fault !== null)
    throw new MillraceError("FUNCTION_INVALID", `${broken.text}: ${fault.text}`, { remedy: broken.remedy });
  if (end.outcome !== "answered") throw new TypeError("a process for users' code has not answered");
  // Of a thread of ours, which the code has not kept from answering.
  return end.answer as Answer;
}
