import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { readIntoShared } from "../../../broker/shared-read-buffer.ts";

test("reads of accepted sockets go into one buffer, on the Node that is pinned", async () => {
  const accepted: Socket[] = [];
  const read: { readonly memory: ArrayBufferLike; readonly text: string }[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    readIntoShared(socket, {
      read: (bytes, length) => read.push({ memory: bytes.buffer, text: bytes.toString("utf8", 0, length) }),
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  for (const text of ["first", "second"]) {
    const client = connect(port, "127.0.0.1");
    client.end(text);
    client.resume();
    await once(client, "close");
  }
  server.close();
  expect(read.map(({ text }) => text)).toEqual(["first", "second"]);
  expect(read[0]?.memory).toBe(read[1]?.memory);
  // "data" would be the other way, which is slower and no less right.
  expect(accepted.map((socket) => socket.listenerCount("data"))).toEqual([0, 0]);
});

test("sockets of another kind are read by their events", () => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const read: string[] = [];
  readIntoShared(stream, { read: (bytes, length) => read.push(bytes.toString("utf8", 0, length)) });
  stream.emit("data", Buffer.from("decoded"));
  expect(read).toEqual(["decoded"]);
});
