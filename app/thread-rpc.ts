import { ERROR_CODES, MillraceError, errorText, isMillraceError } from "../core/errors.ts";
import { within } from "./deadline.ts";
import type { MessagePort, Transferable } from "node:worker_threads";
import type { ErrorCode } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";

/** Functions that one thread offers another. Arguments and results are structured-cloned. */
export type ThreadApi = Record<string, (...args: never[]) => unknown>;

export type RemoteCall<Api extends ThreadApi> = <Name extends keyof Api & string>(
  name: Name,
  ...args: Parameters<Api[Name]>
) => Promise<Awaited<ReturnType<Api[Name]>>>;

/** How long a call may take where the default is not right, ms; Infinity for calls whose caller keeps the time. */
export type CallDeadlines<Api extends ThreadApi> = Partial<Record<keyof Api & string, number>>;

interface Request {
  readonly request: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Response {
  readonly response: number;
  readonly value?: unknown;
  readonly error?: TransferredError;
}

interface TransferredError {
  /** Null for a programmer's error, which comes with its stack. */
  readonly code: string | null;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly stack: string | undefined;
}

const CALL_WAIT_MS = 10_000;

/**
 * Answers calls that arrive on the port with the functions of `api`. A call that meets a programmer's error is answered with it, and
 * then ends this thread: what the thread knows cannot be trusted any more, and the whole process starts again.
 */
export function serveThread<Api extends ThreadApi>(port: MessagePort, api: Api, logger: Logger): void {
  const serve = async (request: Request): Promise<void> => {
    const { response, defect } = await answer(api, request);
    port.postMessage(response);
    if (defect === undefined) return;
    logger.error({ call: request.name, err: defect }, "a call met a defect; this thread ends");
    throw defect;
  };
  port.on("message", (message: Request | Response) => {
    if ("request" in message) void serve(message);
  });
}

/**
 * Calls the functions that the other end of the port serves; `part` names it in errors. Errors keep their code; besides those of the
 * function there are TIMED_OUT and THREAD_ENDED. Both directions may share one port.
 */
export function callThread<Api extends ThreadApi>(
  port: MessagePort,
  part: string,
  deadlines: CallDeadlines<Api> = {},
): RemoteCall<Api> {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  let sequence = 0;
  let ended = false;
  port.on("message", (message: Request | Response) => {
    if (!("response" in message)) return;
    const caller = waiting.get(message.response);
    if (message.error) caller?.reject(revive(message.error));
    // The value's type is the api's promise: both ends are compiled together.
    else caller?.resolve(message.value as never);
  });
  port.on("close", () => {
    ended = true;
    for (const { reject } of waiting.values()) reject(threadEnded(part));
  });
  // Promise<never> fits every result: what the value is, the api has promised.
  const call = async (name: string, args: readonly unknown[], waitMs: number): Promise<never> => {
    // Nobody would answer, and whoever waits for a stop would wait for ever.
    if (ended) throw threadEnded(part);
    sequence += 1;
    const request: Request = { request: sequence, name, args };
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    waiting.set(request.request, { resolve, reject });
    try {
      port.postMessage(request, transferables(args));
      return await within(promise, waitMs, () => tooLate(part, name, waitMs));
    } finally {
      waiting.delete(request.request);
    }
  };
  return (name, ...args) => call(name, args, deadlines[name] ?? CALL_WAIT_MS);
}

function threadEnded(part: string): MillraceError {
  return new MillraceError("THREAD_ENDED", `the ${part} thread has ended`);
}

function tooLate(part: string, name: string, waitMs: number): MillraceError {
  return new MillraceError("TIMED_OUT", `the ${part} thread has not answered ${name} within ${waitMs} ms`);
}

async function answer(
  api: ThreadApi,
  { request, name, args }: Request,
): Promise<{ readonly response: Response; readonly defect?: Error }> {
  try {
    const callee = api[name];
    if (callee === undefined) throw new Error(`no function ${name} in this thread`);
    return { response: { response: request, value: await callee(...(args as never[])) } };
  } catch (error) {
    if (isMillraceError(error)) {
      const { code, message, remedy } = error;
      return { response: { response: request, error: { code, message, remedy, stack: undefined } } };
    }
    const defect = error instanceof Error ? error : new Error(errorText(error), { cause: error });
    const transferred = { code: null, message: defect.message, remedy: undefined, stack: defect.stack };
    return { response: { response: request, error: transferred }, defect };
  }
}

function revive({ code, message, remedy, stack }: TransferredError): Error {
  if (isErrorCode(code)) return new MillraceError(code, message, remedy === undefined ? {} : { remedy });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function isErrorCode(code: string | null): code is ErrorCode {
  return code !== null && Object.hasOwn(ERROR_CODES, code);
}

/** Message ports and array buffers among the top-level arguments move instead of being copied. */
function transferables(args: readonly unknown[]): Transferable[] {
  return args.filter((arg): arg is Transferable & object => arg instanceof ArrayBuffer);
}
