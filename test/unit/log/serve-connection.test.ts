import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { serveConnection } from "../../../log/embedded/serve-connection.ts";
import type { ConnectionCall, ConnectionReply } from "../../../log/embedded/connection-messages.ts";
import type { EncodedBatch } from "../../../log/embedded/commit-group.ts";
import type { LogWriter } from "../../../log/embedded/log-writer.ts";

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

const append = (bytes: Uint8Array): ConnectionCall => ({
  kind: "append",
  output: { topicPartition: 3, batches: [{ bytes, count: 1, lastTimestamp: 5 }] },
});

/** A writer that takes appends, and what came of the one that was asked for. */
async function appended(outcome: () => Promise<number>) {
  const taken: EncodedBatch[] = [];
  const writer: Pick<LogWriter, "appendEncoded"> = {
    appendEncoded(_, batches) {
      taken.push(...batches);
      return outcome();
    },
  };
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  serveConnection(port1, writer as LogWriter, () => undefined);
  const replies = new Promise<readonly ConnectionReply[]>((resolve) => port2.once("message", resolve));
  const bytes = Uint8Array.from([1, 2, 3]);
  port2.postMessage([{ id: 7, call: append(bytes) }], [bytes.buffer]);
  const [reply] = await replies;
  return { reply, taken: taken[0]?.bytes };
}

describe("the writer's end of a connection", () => {
  it("answers when it has landed, and leaves the bytes: those of a process are parts of one message", async () => {
    const { reply, taken } = await appended(() => Promise.resolve(40));
    expect(reply).toEqual({ id: 7, result: 40 });
    expect([...(taken ?? [])]).toEqual([1, 2, 3]);
  });

  it("answers with the error when it has not", async () => {
    const { reply, taken } = await appended(() => Promise.reject(new MillraceError("LOG_IO", "no disk")));
    expect(reply).toMatchObject({ id: 7, error: { code: "LOG_IO" } });
    expect([...(taken ?? [])]).toEqual([1, 2, 3]);
  });
});
