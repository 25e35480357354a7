import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { EdgeSocket } from "./edge-socket.ts";

/** RFC 6455 §7.4.1. */
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_POLICY = 1008;

export interface WebSocketSocketOptions {
  /** What may come before the first answer, which says that the client is known. */
  readonly unansweredBytesMax: number;
  /** The client sent what MQTT over WebSocket does not have, or too much. The WebSocket is closing. */
  readonly onBreach: (error: Error) => void;
}

/**
 * MQTT inside binary WebSocket frames as a stream of bytes: packets and frames need not begin together [MQTT-6.0.0-2]. While the stream
 * is not read the TCP socket is not either, and what is written counts until TCP has taken it.
 */
export function createWebSocketSocket(
  websocket: WebSocket,
  socket: Socket,
  { unansweredBytesMax, onBreach }: WebSocketSocketOptions,
): EdgeSocket {
  let received = 0;
  let hasMessage = false;
  let answered = false;
  let ended = false;

  function send(bytes: Buffer, done: (error?: Error | null) => void): void {
    if (!answered) {
      answered = true;
      socket.off("data", socketOnUnanswered);
      websocket.resume();
    }
    // Behind the client's close frame nothing may be sent [RFC 6455 §5.5.1]: as on TCP, nobody reads it.
    if (websocket.readyState !== websocket.OPEN) done();
    else websocket.send(bytes, { binary: true }, done);
  }

  function breach(code: number, text: string): void {
    ended = true;
    websocket.close(code);
    onBreach(new Error(text));
  }

  /** A frame is handed on only when it is whole: without a look at the bytes a thousand strangers could have a large one begun each. */
  function socketOnUnanswered(chunk: Buffer): void {
    received += chunk.length;
    if (received <= unansweredBytesMax) return;
    if (hasMessage) websocket.pause();
    else breach(CLOSE_POLICY, "the first frame is larger than a CONNECT may be");
  }

  const stream = new Duplex({
    read() {
      if (answered || received <= unansweredBytesMax) websocket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      send(chunk, done);
    },
    writev(chunks, done) {
      send(Buffer.concat(chunks.map(({ chunk }): Buffer => chunk)), done);
    },
    final(done) {
      websocket.close(CLOSE_NORMAL);
      done();
    },
    destroy(error, done) {
      websocket.terminate();
      done(error);
    },
  });

  websocket.on("message", (bytes, isBinary) => {
    if (ended) return;
    hasMessage = true;
    // [MQTT-6.0.0-1]
    if (!isBinary) breach(CLOSE_UNSUPPORTED_DATA, "MQTT came in a text frame");
    else if (Buffer.isBuffer(bytes) && !stream.push(bytes)) websocket.pause();
  });
  websocket.on("error", (error) => {
    ended = true;
    onBreach(error);
  });
  websocket.on("close", () => {
    // What came before is still read; what is written then goes nowhere.
    if (!ended && !stream.destroyed) stream.push(null);
    else stream.destroy();
  });
  socket.on("data", socketOnUnanswered);
  return Object.assign(stream, {
    remoteAddress: socket.remoteAddress,
    remotePort: socket.remotePort,
    carrier: socket,
  });
}
