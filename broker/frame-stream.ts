import { Duplex } from "node:stream";
import type { EdgeSocket } from "./edge-socket.ts";

/**
 * The connection as aedes sees it: what is pushed are whole packets that the walker has passed, what aedes writes goes to the socket.
 * Packets that aedes writes in one turn leave in one write.
 */
export function createFrameStream(
  socket: EdgeSocket,
  queueBytesMax: number,
  streamOnDestroy: (error: Error | null) => void,
): Duplex {
  return new Duplex({
    writableHighWaterMark: queueBytesMax,
    // Packets are pushed as they come; the connection stops passing them on by its own window.
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writeThrough(socket, chunk, done);
    },
    writev(chunks, done) {
      const buffers = chunks.map(({ chunk }): Buffer => chunk);
      writeThrough(socket, Buffer.concat(buffers), done);
    },
    destroy(error, done) {
      streamOnDestroy(error);
      // aedes has told of the error by its own event; as a stream error it would have no listener.
      done(null);
    },
  });
}

function writeThrough(socket: EdgeSocket, bytes: Buffer, done: () => void): void {
  if (!socket.writable || socket.write(bytes)) done();
  else socket.once("drain", done);
}
