import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { EdgeSocket } from "../../../broker/edge-socket.ts";
import { createWebSocketSocket } from "../../../broker/websocket-socket.ts";

/** A WebSocket client and the stream that the edge makes of its connection. */
async function openPair() {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const made = new Promise<EdgeSocket>((resolve) =>
    sockets.once("connection", (websocket, { socket }) =>
      resolve(createWebSocketSocket(websocket, socket, { unansweredBytesMax: 1e9, onBreach: () => undefined })),
    ),
  );
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const client = new WebSocket(`ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  client.on("error", () => undefined);
  const stream = await made;
  await once(client, "open");
  return {
    client,
    stream,
    [Symbol.dispose]() {
      client.terminate();
      stream.destroy();
      server.close();
    },
  };
}

test("what the client does not read counts as written and not yet gone, until it reads on", async () => {
  using pair = await openPair();
  pair.client.pause();
  const chunk = Buffer.alloc(1024 * 1024);
  let written = 0;
  do {
    pair.stream.write(chunk);
    written++;
    await sleep(20);
  } while (!pair.stream.writableNeedDrain && written < 64);
  expect(written).toBeLessThan(64);
  expect(pair.stream.writableLength).toBeGreaterThan(0);
  let received = 0;
  pair.client.on("message", (bytes: Buffer) => (received += bytes.length));
  const drained = once(pair.stream, "drain");
  pair.client.resume();
  await drained;
  while (received < written * chunk.length) await sleep(5);
  expect(pair.stream.writableLength).toBe(0);
});

test("what is written in one turn leaves in few frames, in order", async () => {
  using pair = await openPair();
  const frames: string[] = [];
  pair.client.on("message", (bytes: Buffer) => frames.push(bytes.toString()));
  for (let part = 0; part < 10; part++) pair.stream.write(String(part));
  while (frames.join("").length < 10) await sleep(5);
  expect(frames).toEqual(["0", "123456789"]);
});

test("while it is paused the client cannot send without end", async () => {
  using pair = await openPair();
  pair.stream.on("data", () => undefined).pause();
  for (let sent = 0; sent < 32; sent++) pair.client.send(Buffer.alloc(1024 * 1024));
  await sleep(200);
  expect(pair.client.bufferedAmount).toBeGreaterThan(8 * 1024 * 1024);
  pair.stream.resume();
  while (pair.client.bufferedAmount > 0) await sleep(5);
});

test("ending it closes the WebSocket in order, and destroying it breaks the connection", async () => {
  for (const [end, code] of [
    ["end", 1000],
    ["destroy", 1006],
  ] as const) {
    using pair = await openPair();
    const closed = once(pair.client, "close");
    const streamClosed = once(pair.stream, "close");
    pair.stream.resume()[end]();
    expect((await closed)[0]).toBe(code);
    await streamClosed;
  }
});
