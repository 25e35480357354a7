import { ERROR_CODES, MillraceError, errorText } from "../core/errors.ts";
import type { MessagePort, Transferable } from "node:worker_threads";
import type { ErrorCode } from "../core/errors.ts";

/** Functions that one thread offers another. Arguments and results are structured-cloned. */
export type ThreadApi = Record<string, (...args: never[]) => unknown>;

export type RemoteCall<Api extends ThreadApi> = <Name extends keyof Api & string>(
  name: Name,
  ...args: Parameters<Api[Name]>
) => Promise<Awaited<ReturnType<Api[Name]>>>;

interface Request {
  readonly request: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Response {
  readonly response: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string | null; readonly message: string; readonly remedy: string | undefined };
}

/** Answers calls that arrive on the port with the functions of `api`. */
export function serveThread<Api extends ThreadApi>(port: MessagePort, api: Api): void {
  port.on("message", (message: Request | Response) => {
    if (!("request" in message)) return;
    void answer(api, message).then((response) => port.postMessage(response));
  });
}

/** Calls the functions that the other end of the port serves. Errors keep their code. Both directions may share one port. */
export function callThread<Api extends ThreadApi>(port: MessagePort): RemoteCall<Api> {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  let sequence = 0;
  let ended = false;
  port.on("message", (message: Request | Response) => {
    if (!("response" in message)) return;
    const caller = waiting.get(message.response);
    waiting.delete(message.response);
    if (message.error) caller?.reject(revive(message.error));
    // The value's type is the api's promise: both ends are compiled together.
    else caller?.resolve(message.value as never);
  });
  port.on("close", () => {
    ended = true;
    for (const { reject } of waiting.values()) reject(threadEnded());
    waiting.clear();
  });
  return (name, ...args) => {
    // Nobody would answer, and whoever waits for a stop would wait for ever.
    if (ended) return Promise.reject(threadEnded());
    sequence += 1;
    const request: Request = { request: sequence, name, args };
    return new Promise((resolve, reject) => {
      waiting.set(request.request, { resolve, reject });
      port.postMessage(request, transferables(args));
    });
  };
}

function threadEnded(): MillraceError {
  return new MillraceError("LOG_CLOSED", "the other thread has ended");
}

async function answer(api: ThreadApi, { request, name, args }: Request): Promise<Response> {
  try {
    const callee = api[name];
    if (callee === undefined) throw new Error(`no function ${name} in this thread`);
    return { response: request, value: await callee(...(args as never[])) };
  } catch (error) {
    const known = error instanceof MillraceError ? error : null;
    return {
      response: request,
      error: { code: known?.code ?? null, message: errorText(error), remedy: known?.remedy },
    };
  }
}

function revive(error: NonNullable<Response["error"]>): Error {
  if (!isErrorCode(error.code)) return new Error(error.message);
  return new MillraceError(error.code, error.message, error.remedy === undefined ? {} : { remedy: error.remedy });
}

function isErrorCode(code: string | null): code is ErrorCode {
  return code !== null && Object.hasOwn(ERROR_CODES, code);
}

/** Message ports and array buffers among the top-level arguments move instead of being copied. */
function transferables(args: readonly unknown[]): Transferable[] {
  return args.filter((arg): arg is Transferable & object => arg instanceof ArrayBuffer);
}
