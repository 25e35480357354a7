import { isMillraceError } from "../../core/errors.ts";
import { bytesOf, transferError } from "./connection-messages.ts";
import type { MessagePort } from "node:worker_threads";
import type { EncodedBatch } from "./commit-group.ts";
import type { ConnectionCall, ConnectionReply, ConnectionRequest, ConnectionResult } from "./connection-messages.ts";
import type { CorruptRange } from "./log-reader.ts";
import type { LogWriter } from "./log-writer.ts";

/**
 * The writer's end of a connection: answers what comes over `port`. A programmer's error is answered as one, so that nobody repeats the
 * call, and goes on to end this thread.
 */
export function serveConnection(
  port: MessagePort,
  writer: LogWriter,
  onCorrupt: (range: Omit<CorruptRange, "bytes">) => void,
): void {
  let replies: ConnectionReply[] = [];

  const reply = (message: ConnectionReply): void => {
    if (replies.length === 0) setImmediate(flush);
    replies.push(message);
  };
  const flush = (): void => {
    port.postMessage(replies);
    replies = [];
  };

  port.on("message", (requests: readonly ConnectionRequest[]) => {
    const bytes = new MessageBytes(requests);
    for (const request of requests) {
      if ("corrupt" in request) {
        onCorrupt(request.corrupt);
        continue;
      }
      if ("failed" in request) {
        writer.failJournal(request.failed.journal, request.failed.epoch);
        continue;
      }
      const { id, call } = request;
      void answer(writer, call).then(
        (result) => {
          bytes.answered();
          reply({ id, result });
        },
        (error: unknown) => {
          bytes.answered();
          reply({ id, error: transferError(error) });
          if (!isMillraceError(error)) throw error;
        },
      );
    }
  });
  // The log lives as long as its process wants; a connection that nobody closes must not keep the process.
  port.unref();
}

/**
 * The bytes of one message, given back when all its calls are answered. V8 counts buffers that nobody holds against a small heap's limit until it has
 * marked the heap: left to it, what stages send made it mark this thread's several times a second. Requests may share a buffer: so those of another process come.
 */
class MessageBytes {
  private readonly buffers = new Set<ArrayBufferLike>();
  private waiting = 0;

  constructor(requests: readonly ConnectionRequest[]) {
    for (const request of requests) {
      if (!("call" in request)) continue;
      this.waiting += 1;
      for (const { buffer } of bytesOf(request.call)) this.buffers.add(buffer);
    }
  }

  answered(): void {
    this.waiting -= 1;
    if (this.waiting > 0) return;
    for (const buffer of this.buffers) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}

async function answer(writer: LogWriter, call: ConnectionCall): Promise<ConnectionResult> {
  switch (call.kind) {
    case "append":
      return await writer.appendEncoded(call.output.topicPartition, call.output.batches.map(received));
    case "claim":
      return await writer.claim(call.journal, call.held);
    case "commit": {
      await writer.commit(call.request, () =>
        call.outputs.map(({ topicPartition, batches }) => ({ topicPartition, batches: batches.map(received) })),
      );
      return undefined;
    }
    case "status":
      return writer.status();
  }
}

/** Buffers arrive as plain Uint8Arrays. */
function received(batch: {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly lastTimestamp: number;
}): EncodedBatch {
  const { bytes, count, lastTimestamp } = batch;
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), count, lastTimestamp };
}
