import { parentPort } from "node:worker_threads";
import { isMillraceError } from "../../../core/errors.ts";
import { connectEmbeddedLog, type LogConnection } from "../../../log/embedded/connect-embedded-log.ts";
import type {
  CommitRequest,
  FetchedSlice,
  JournalHolding,
  JournalId,
  LogReader,
  PollOptions,
  TopicPosition,
} from "../../../core/event-log.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { WorkerReply } from "./worker-log.ts";

/** The thread of `worker-log.ts`. */
let log: ReturnType<typeof connectEmbeddedLog>;
const readers = new Map<number, LogReader>();
const aborts = new Map<number, AbortController>();

const methods = {
  connect(connection: LogConnection) {
    log = connectEmbeddedLog(connection);
    readers.clear();
  },
  append: (topic: string, partition: number, records: RecordInput[]) => log.append(topic, partition, records),
  claim: (journal: JournalId, held?: JournalHolding) => log.claim(journal, held),
  commit: (request: CommitRequest) => log.commit(request),
  status: () => log.status(),
  openReader: (reader: number, positions: TopicPosition[]) => void readers.set(reader, log.openReader(positions)),
  seek: (reader: number, positions: TopicPosition[]) => readers.get(reader)?.seek(positions),
  closeReader: (reader: number) => readers.get(reader)?.close(),
  async poll(reader: number, options: PollOptions) {
    const abort = new AbortController();
    aborts.set(reader, abort);
    const slices = await readers.get(reader)?.poll({ ...options, signal: abort.signal });
    return slices?.map(plainSlice);
  },
  close: () => log.close(),
};

type Call =
  | { readonly abort: number }
  | { readonly id: number; readonly method: keyof typeof methods; readonly args: never[] };

parentPort?.on("message", (call: Call) => {
  if ("abort" in call) return aborts.get(call.abort)?.abort();
  const reply = (message: WorkerReply): void => parentPort?.postMessage(message);
  const method: (...args: never[]) => unknown = methods[call.method];
  // Called at once, so that calls keep their order.
  const result = invoke(method, call.args);
  return void result.then(
    (value) => reply({ id: call.id, result: value }),
    (error: unknown) => {
      if (!isMillraceError(error)) throw error;
      reply({ id: call.id, error: { code: error.code, message: error.message } });
    },
  );
});

async function invoke(method: (...args: never[]) => unknown, args: never[]): Promise<unknown> {
  return await method(...args);
}

function plainSlice({ records, ...slice }: FetchedSlice) {
  return {
    ...slice,
    records: records.map((record) => ({
      offset: record.offset,
      timestamp: record.timestamp,
      key: record.key,
      value: record.value,
      headerList: record.headers(),
    })),
  };
}
