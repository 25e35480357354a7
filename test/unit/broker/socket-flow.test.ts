import { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { SocketFlow } from "../../../broker/socket-flow.ts";

/** A socket that tells how many bytes went out at once. */
function open() {
  const sent: number[] = [];
  const socket = new Duplex({
    read: () => undefined,
    writev(chunks, done) {
      sent.push(chunks.reduce((sum, { chunk }) => sum + Buffer.from(chunk).length, 0));
      done();
    },
  });
  return { flow: new SocketFlow(socket), socket, sent };
}

test("what is written in one turn goes out together, and at once when it is much", async () => {
  const { flow, socket, sent } = open();
  for (let n = 0; n < 1000; n++) flow.writeSoon(Buffer.alloc(10));
  expect(sent).toEqual([]);
  await nextTurn();
  expect(sent).toEqual([10_000]);
  for (let n = 0; n < 1000; n++) flow.writeSoon(Buffer.alloc(1000));
  expect(socket.writableLength).toBeLessThan(100_000);
  await nextTurn();
  expect(sent.reduce((sum, bytes) => sum + bytes)).toBe(1_010_000);
});

test("the last words go out although the turn is not over", async () => {
  const { flow, socket, sent } = open();
  flow.writeSoon(Buffer.alloc(3));
  socket.end(Buffer.alloc(4));
  await nextTurn();
  expect(sent).toEqual([7]);
});

test("is blocked from a write that the peer has to read first until the socket drains", async () => {
  const waiting: (() => void)[] = [];
  const socket = new Duplex({
    read: () => undefined,
    highWaterMark: 8,
    write: (_chunk, _encoding, done) => void waiting.push(done),
  });
  const flow = new SocketFlow(socket);
  socket.on("drain", () => flow.drained());
  flow.write(Buffer.alloc(4));
  expect(flow.isBlocked).toBe(false);
  flow.write(Buffer.alloc(4));
  expect([flow.isBlocked, socket.writableNeedDrain]).toEqual([true, true]);
  waiting.shift()?.();
  await nextTurn();
  expect(flow.isBlocked).toBe(true);
  waiting.shift()?.();
  await nextTurn();
  expect([flow.isBlocked, socket.writableNeedDrain]).toEqual([false, false]);
});
