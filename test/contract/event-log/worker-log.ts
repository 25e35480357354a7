import { type MessagePort, Worker } from "node:worker_threads";
import { MillraceError } from "../../../core/errors.ts";
import type { ErrorCode } from "../../../core/errors.ts";
import type { EventLog, FetchedSlice, LogReader } from "../../../core/event-log.ts";
import type { Header, LogRecord } from "../../../core/record.ts";
import type { LogConnection } from "../../../log/embedded/connect-embedded-log.ts";

/** What `worker-log.thread.ts` answers. */
export interface WorkerReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

export interface PlainRecord extends Pick<LogRecord, "offset" | "timestamp" | "key" | "value"> {
  readonly headerList: readonly Header[];
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that logs are used in. It takes as long to start as a test, so it is used again. */
class LogThread {
  readonly worker = new Worker(new URL("./worker-log.thread.ts", import.meta.url));
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor() {
    this.worker.unref();
    this.worker.on("message", ({ id, result, error }: WorkerReply) => {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new MillraceError(error.code, error.message));
    });
    this.worker.on("error", (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  call(method: string, args: readonly unknown[], transfer: readonly MessagePort[] = []): Promise<unknown> {
    const id = ++this.#lastId;
    this.worker.postMessage({ id, method, args }, [...transfer]);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}

/** Opens logs in threads, each in one that no other log is in. */
export class LogThreads {
  readonly #idle: LogThread[] = [];

  open(connection: LogConnection): EventLog & { close(): Promise<void> } {
    const thread = this.#idle.pop() ?? new LogThread();
    return openWorkerLog(thread, connection, () => this.#idle.push(thread));
  }
}

/** A log as a worker thread sees it, driven from the test: every call is made in that thread, over its connection. */
function openWorkerLog(
  thread: LogThread,
  connection: LogConnection,
  onClosed: () => void,
): EventLog & { close(): Promise<void> } {
  const { worker } = thread;
  void thread.call("connect", [connection], [connection.port]);
  const call = (method: string, ...args: unknown[]): Promise<unknown> => thread.call(method, args);
  const typed = <T>(method: string, ...args: unknown[]): Promise<T> => call(method, ...args) as Promise<T>;
  let readers = 0;

  const openReader = (positions: readonly unknown[]): LogReader => {
    readers += 1;
    const reader = readers;
    void call("openReader", reader, positions);
    return {
      async poll({ signal, ...options }) {
        const abort = (): void => worker.postMessage({ abort: reader });
        signal?.addEventListener("abort", abort);
        const slices = await typed<readonly (FetchedSlice & { records: readonly PlainRecord[] })[]>(
          "poll",
          reader,
          options,
        );
        signal?.removeEventListener("abort", abort);
        return slices.map((slice) => ({ ...slice, records: slice.records.map(logRecord) }));
      },
      seek: (next) => void call("seek", reader, next),
      close: () => void call("closeReader", reader),
    };
  };

  return {
    partitionCount: connection.partitionCount,
    append: (...args) => typed("append", ...args),
    claim: (journal, held) => typed("claim", journal, held),
    commit: (request) => typed("commit", request),
    status: () => typed("status"),
    openReader,
    async close() {
      await call("close");
      onClosed();
    },
  };
}

function logRecord({ headerList, ...record }: PlainRecord): LogRecord {
  return {
    ...record,
    header: (name) => headerList.find((header) => header[0] === name)?.[1],
    headers: () => headerList,
  };
}
