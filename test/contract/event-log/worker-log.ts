import { Worker } from "node:worker_threads";
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

/** A log as a worker thread sees it, driven from the test: every call is made in that thread, over its connection. */
export function openWorkerLog(connection: LogConnection): EventLog & { close(): Promise<void> } {
  const worker = new Worker(new URL("./worker-log.thread.ts", import.meta.url), {
    workerData: connection,
    transferList: [connection.port],
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  let lastId = 0;
  worker.on("message", ({ id, result, error }: WorkerReply) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new MillraceError(error.code, error.message));
  });
  worker.on("error", (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  const call = (method: string, ...args: unknown[]): Promise<unknown> => {
    lastId += 1;
    const id = lastId;
    worker.postMessage({ id, method, args });
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  };
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
      await worker.terminate();
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
