import { MillraceError } from "../../core/errors.ts";
import { RecordBatchWriter } from "../../wire/record-batch-writer.ts";
import { checkedAppendBytes, checkedRecordBytes } from "../append-limits.ts";
import { encodeBatches } from "./commit-group.ts";
import { bytesOf, receiveError } from "./connection-messages.ts";
import { DurableMark } from "./durable-mark.ts";
import { EmbeddedLogReader } from "./log-reader.ts";
import { openLogStore } from "./log-store.ts";
import { quarantineRange } from "./quarantine.ts";
import { LogTopology } from "../topology.ts";
import type { MessagePort } from "node:worker_threads";
import type { EventLog, JournalClaim, LogStatus } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type {
  ConnectionCall,
  ConnectionReply,
  ConnectionRequest,
  ConnectionResult,
  TransferredOutput,
} from "./connection-messages.ts";

/** What another thread of the process needs to use the log. Goes through `postMessage` or `workerData` with `port` in the transfer list. */
export interface LogConnection {
  readonly port: MessagePort;
  readonly directory: string;
  readonly shared: SharedArrayBuffer;
  readonly topics: readonly string[];
  readonly partitionCount: number;
  readonly generation: number;
  readonly bytesMax: number;
}

/**
 * The log as seen from another thread than the writer's. Appends, claims and commits are encoded here and sent to the writer; reads go
 * to LMDB directly, up to the durable mark. `close` ends the connection, not the log.
 */
export function connectEmbeddedLog(connection: LogConnection): EventLog & { close(): Promise<void> } {
  const { port, directory, topics, partitionCount, bytesMax } = connection;
  const topology = new LogTopology(topics, partitionCount);
  const store = openLogStore({ directory, bytesMax, readOnly: true, sync: true });
  const mark = new DurableMark(connection.shared);
  const calls = new PortCalls(port);
  const batchWriter = new RecordBatchWriter();

  const output = (topic: string, partition: number, records: readonly RecordInput[]): TransferredOutput => ({
    topicPartition: topology.indexOf(topic, partition),
    batches: encodeBatches(records, batchWriter),
  });

  return {
    partitionCount,
    async append(topic, partition, records) {
      checkedAppendBytes(records);
      const result = await calls.send({ kind: "append", output: output(topic, partition, records) });
      return expectNumber(result);
    },
    async claim(journal, held) {
      return expectObject<JournalClaim>(await calls.send({ kind: "claim", journal, held }), "entries");
    },
    async commit({ outputs, ...request }) {
      const { journal, epoch, entry } = request;
      let call: ConnectionCall;
      try {
        for (const { records } of outputs) checkedRecordBytes(records);
        const encoded = outputs.map(({ topic, partition, records }) => output(topic, partition, records));
        const body = Uint8Array.from(entry.body);
        call = { kind: "commit", request: { journal, epoch, entry: { ...entry, body } }, outputs: encoded };
      } catch (error) {
        calls.notify({ failed: { journal, epoch } });
        throw error;
      }
      await calls.send(call);
    },
    async status() {
      return expectObject<LogStatus>(await calls.send({ kind: "status" }), "partitions");
    },
    openReader(positions, options) {
      const onCorrupt = ({ bytes, ...corrupt }: Parameters<typeof quarantineRange>[1]): void => {
        if (quarantineRange(directory, { bytes, ...corrupt })) calls.notify({ corrupt });
      };
      return new EmbeddedLogReader({ directory, store, topology, mark, onCorrupt, ...options }, positions);
    },
    async close() {
      calls.close();
      await store.root.close();
    },
  };
}

interface Waiting {
  readonly resolve: (result: ConnectionResult) => void;
  readonly reject: (error: Error) => void;
}

/** Calls over the port. What one turn of the event loop asks for leaves as one message, its bytes transferred. */
class PortCalls {
  private readonly port: MessagePort;
  private readonly waiting = new Map<number, Waiting>();
  private queue: ConnectionRequest[] = [];
  private lastId = 0;
  private closed = false;

  constructor(port: MessagePort) {
    this.port = port;
    port.on("message", (replies: readonly ConnectionReply[]) => this.portOnMessage(replies));
    port.on("close", () => this.close());
    // Only what is asked for keeps the thread.
    port.unref();
  }

  send(call: ConnectionCall): Promise<ConnectionResult> {
    if (this.closed) return Promise.reject(new MillraceError("LOG_CLOSED", "the connection to the log is closed"));
    this.lastId += 1;
    const id = this.lastId;
    if (this.waiting.size === 0) this.port.ref();
    this.notify({ id, call });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  notify(request: ConnectionRequest): void {
    if (this.closed) return;
    if (this.queue.length === 0) queueMicrotask(() => this.flush());
    this.queue.push(request);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.port.close();
    const error = new MillraceError("LOG_CLOSED", "the log was closed before this landed");
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private flush(): void {
    const requests = this.queue;
    this.queue = [];
    if (!this.closed) this.port.postMessage(requests, requests.flatMap(transferable));
  }

  private portOnMessage(replies: readonly ConnectionReply[]): void {
    for (const reply of replies) {
      const waiting = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if ("error" in reply) waiting?.reject(receiveError(reply.error));
      else waiting?.resolve(reply.result);
    }
    if (this.waiting.size === 0) this.port.unref();
  }
}

function transferable(request: ConnectionRequest): ArrayBuffer[] {
  if (!("call" in request)) return [];
  return bytesOf(request.call).flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []));
}

function expectNumber(result: ConnectionResult): number {
  if (typeof result === "number") return result;
  throw new TypeError("the log's writer gave no offset");
}

/** The writer answers each call with its own kind of object; `property` tells it. */
function expectObject<T extends JournalClaim | LogStatus>(result: ConnectionResult, property: keyof T): T {
  const isExpected = (value: ConnectionResult): value is T => typeof value === "object" && property in value;
  if (isExpected(result)) return result;
  throw new TypeError(`the log's writer gave no ${String(property)}`);
}
