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

/** Code that never comes back, or takes all memory, ends with its thread. `data`: plain values. TIMED_OUT, FUNCTION_INVALID. */
export async function inThread<Answer>({ module, what, done, remedy }: ThreadWork, data: unknown): Promise<Answer> {
  const worker = new Worker(module, { workerData: data, resourceLimits: confinedTo(MEGABYTES) });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => {
    const text = `${what} were not ${done} within ${LIMITS.shadowMsMax / 1000} s`;
    reject(new MillraceError("TIMED_OUT", text, { remedy: remedy.late }));
  }, LIMITS.shadowMsMax);
  worker.on("message", resolve);
  worker.on("error", (cause) => {
    const text = `${what} cannot be ${done}: ${errorText(cause)}`;
    reject(new MillraceError("FUNCTION_INVALID", text, { cause, remedy: remedy.broken }));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
