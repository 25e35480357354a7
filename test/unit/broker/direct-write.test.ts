import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { DirectWrite } from "../../../broker/direct-write.ts";
import { SocketFlow } from "../../../broker/socket-flow.ts";

const opened: { destroy(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.destroy();
});

/** Both ends of a connection; the client reads only when it is asked to. */
async function pair(): Promise<{ server: Socket; client: Socket }> {
  const listener = createServer({ pauseOnConnect: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  const accepting = once(listener, "connection");
  const client = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1").pause();
  const [server] = (await accepting) as [Socket];
  listener.close();
  server.on("error", () => undefined);
  client.on("error", () => undefined);
  opened.push(server, client);
  return { server, client };
}

async function readAll(client: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of client) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
}

test("an accepted socket is written to past its stream, on the Node that is pinned", async () => {
  const { server, client } = await pair();
  expect(new DirectWrite(server).write(Buffer.from("puback"))).toBe(6);
  expect([server.bytesWritten, server.writableLength]).toEqual([0, 0]);
  expect(String(await readAll(client, 6))).toBe("puback");
});

test("what a peer that does not read leaves over goes through the stream, in order and whole", async () => {
  const { server, client } = await pair();
  const flow = new SocketFlow(server);
  const block = Buffer.alloc(100_000);
  let written = 0;
  for (; !flow.isBlocked; written += block.length) {
    block.fill(written / block.length);
    flow.write(Buffer.from(block));
  }
  flow.write(Buffer.from("behind"));
  expect(server.writableLength).toBeGreaterThan("behind".length);
  const read = await readAll(client, written + "behind".length);
  const blocks = Array.from({ length: written / block.length }, (_, place) => Buffer.alloc(block.length, place));
  expect(read.equals(Buffer.concat([...blocks, Buffer.from("behind")]))).toBe(true);
});

test("what the stream holds back goes first", async () => {
  const { server, client } = await pair();
  const flow = new SocketFlow(server);
  flow.writeSoon(Buffer.from("first "));
  flow.write(Buffer.from("second"));
  expect(String(await readAll(client, 12))).toBe("first second");
});

test("nothing is written to the descriptor of a socket that has ended, which may be another's", async () => {
  const { server } = await pair();
  const direct = new DirectWrite(server);
  const { fd } = Reflect.get(server, "_handle") as { fd: number };
  server.destroy();
  await once(server, "close");
  // The lowest that is free is taken: one of these two ends has it.
  const other = await pair();
  const taken = [other.server, other.client].map((end) => (Reflect.get(end, "_handle") as { fd: number }).fd);
  expect(taken).toContain(fd);
  expect(direct.write(Buffer.from("astray"))).toBe(0);
});

test("that a peer is gone is told by the stream", async () => {
  const { server, client } = await pair();
  const flow = new SocketFlow(server);
  const lost = Promise.withResolvers<NodeJS.ErrnoException>();
  server.on("error", lost.resolve);
  client.resetAndDestroy();
  await once(client, "close");
  // The first may still be taken; it is answered with a reset.
  while (!server.destroyed) {
    flow.write(Buffer.from("lost"));
    await nextTurn();
  }
  expect(["EPIPE", "ECONNRESET"]).toContain((await lost.promise).code);
});

test("what has no descriptor is left to its stream", () => {
  const sent: string[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write(chunk, _encoding, done) {
      sent.push(String(chunk));
      done();
    },
  });
  expect(new DirectWrite(socket).write(Buffer.from("none"))).toBe(0);
  new SocketFlow(socket).write(Buffer.from("all"));
  expect(sent).toEqual(["all"]);
});
