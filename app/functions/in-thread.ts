import { Worker } from "node:worker_threads";
import { MillraceError, errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { confinedTo } from "./confined-memory.ts";

/** Work with users' code, over something that was read for it. */
export interface ThreadWork {
  /** The module of the thread: it works on `workerData`, and posts one message. */
  readonly module: URL;
  /** For people, in plural: "the versions". */
  readonly what: string;
  /** What was to be done, as a participle: "compared". */
  readonly done: string;
  readonly remedy: { readonly late: string; readonly broken: string };
}

const MEGABYTES = 256;

/** As `inThread` runs it. `late` and `broken`: what is said when it does not end, or fails, the cause behind it. */
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

/** Code that never comes back, or takes all memory, ends with its thread. `data`: plain values. TIMED_OUT, FUNCTION_INVALID. */
export function inThread<Answer>({ module, what, done, remedy }: ThreadWork, data: unknown): Promise<Answer> {
  const late = { text: `${what} were not ${done} within ${LIMITS.shadowMsMax / 1000} s`, remedy: remedy.late };
  const broken = { text: `${what} cannot be ${done}`, remedy: remedy.broken };
  return confined<Answer>({ module, msMax: LIMITS.shadowMsMax, megabytes: MEGABYTES, late, broken }, data);
}

/** The same under limits and with sentences of one's own. */
export async function confined<Answer>(work: ConfinedWork, data: unknown): Promise<Answer> {
  const { module, name, msMax, megabytes, late, broken } = work;
  const named = name === undefined ? {} : { name };
  const worker = new Worker(module, { ...named, workerData: data, resourceLimits: confinedTo(megabytes) });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => {
    reject(new MillraceError("TIMED_OUT", late.text, { remedy: late.remedy }));
  }, msMax);
  worker.on("message", resolve);
  worker.on("error", (cause) => {
    const text = `${broken.text}: ${errorText(cause)}`;
    reject(new MillraceError("FUNCTION_INVALID", text, { cause, remedy: broken.remedy }));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
