import { Duplex } from "node:stream";
import type { EdgeSocket } from "./edge-socket.ts";

/** What aedes is told first: it knows the connection by a name of ours, see `MqttEngine.attach`. */
const CONNECT = Buffer.from("100d00044d5154540402000000" + "0178", "hex");
const CONNACK_BYTES = 4;

/**
 * The connection as aedes sees it: what is pushed are whole packets that the walker has passed, what aedes writes goes to the socket.
 * Packets that aedes writes in one turn leave in one write. The client has its CONNACK already: aedes' own is kept back.
 */
export function createEngineStream(
  socket: EdgeSocket,
  queueBytesMax: number,
  streamOnDestroy: (error: Error | null) => void,
): Duplex {
  let keptBack = CONNACK_BYTES;
  const write = (bytes: Buffer, done: () => void): void => {
    const passed = bytes.subarray(Math.min(keptBack, bytes.length));
    keptBack -= bytes.length - passed.length;
    if (passed.length === 0 || !socket.writable || socket.write(passed)) done();
    else socket.once("drain", done);
  };
  const stream = new Duplex({
    writableHighWaterMark: queueBytesMax,
    // Packets are pushed as they come.
    read() {},
    write: (chunk: Buffer, _encoding, done) => write(chunk, done),
    writev: (chunks, done) => write(Buffer.concat(chunks.map(({ chunk }): Buffer => chunk)), done),
    destroy(error, done) {
      streamOnDestroy(error);
      // aedes has told of the error by its own event; as a stream error it would have no listener.
      done(null);
    },
  });
  stream.push(CONNECT);
  return stream;
}
