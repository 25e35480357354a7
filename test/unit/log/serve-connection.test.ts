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

/** A writer that takes appends and answers each when it is told how, and a connection to it. */
function connection() {
  const taken: Buffer[] = [];
  const landings: PromiseWithResolvers<number>[] = [];
  const writer: Pick<LogWriter, "appendEncoded"> = {
    appendEncoded(_, batches: readonly EncodedBatch[]) {
      taken.push(...batches.map(({ bytes }) => bytes));
      const landing = Promise.withResolvers<number>();
      landings.push(landing);
      return landing.promise;
    },
  };
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  serveConnection(port1, writer as LogWriter, () => undefined);
  const replies: ConnectionReply[] = [];
  port2.on("message", (some: readonly ConnectionReply[]) => replies.push(...some));
  return { port: port2, taken, landings, replies };
}

describe("the writer's end of a connection", () => {
  it("answers when it has landed, and gives the bytes back", async () => {
    const { port, taken, landings, replies } = connection();
    const bytes = Uint8Array.from([1, 2, 3]);
    port.postMessage([{ id: 7, call: append(bytes) }], [bytes.buffer]);
    await expect.poll(() => landings.length).toBe(1);
    expect([...(taken[0] ?? [])]).toEqual([1, 2, 3]);
    landings[0]?.resolve(40);
    await expect.poll(() => replies).toEqual([{ id: 7, result: 40 }]);
    expect(taken[0]?.length).toBe(0);
  });

  it("answers with the error when it has not, and gives them back too", async () => {
    const { port, taken, landings, replies } = connection();
    port.postMessage([{ id: 7, call: append(Uint8Array.from([1, 2, 3])) }]);
    await expect.poll(() => landings.length).toBe(1);
    landings[0]?.reject(new MillraceError("LOG_IO", "no disk"));
    await expect.poll(() => replies).toMatchObject([{ id: 7, error: { code: "LOG_IO" } }]);
    expect(taken[0]?.length).toBe(0);
  });

  it("leaves bytes that are parts of one message, as those of a process are, until all that it asks for is answered", async () => {
    const { port, taken, landings, replies } = connection();
    const shared = Uint8Array.from([1, 2, 3, 4]);
    const calls = [shared.subarray(0, 2), shared.subarray(2)].map((bytes, id) => ({ id, call: append(bytes) }));
    port.postMessage(calls);
    await expect.poll(() => landings.length).toBe(2);
    landings[0]?.resolve(1);
    await expect.poll(() => replies.length).toBe(1);
    expect([...(taken[1] ?? [])]).toEqual([3, 4]);
    landings[1]?.resolve(2);
    await expect.poll(() => replies.length).toBe(2);
    expect(taken.map(({ length }) => length)).toEqual([0, 0]);
  });
});
