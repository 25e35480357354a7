import { writeSync } from "node:fs";
import type { EdgeSocket } from "./edge-socket.ts";
import { fieldOf, isPlainTcp } from "./socket-handle.ts";

const NO_DESCRIPTOR = -1;

/**
 * Writes past a socket's stream what the system takes at once. An acknowledgement is four bytes, and most connections get one at a time: the requests and
 * callbacks that a stream makes for each are a cost that nothing needs (docs/adr/0055-a-puback-goes-past-the-stream.md). Where Node has changed, or has no descriptor (TLS,
 * WebSocket, Windows), nothing is written, and the stream does it all.
 */
export class DirectWrite {
  readonly #socket: EdgeSocket;
  readonly #descriptor: number;

  constructor(socket: EdgeSocket) {
    this.#socket = socket;
    this.#descriptor = descriptorOf(socket);
  }

  /** How many bytes the system has taken. What is left, all of it after a failure, is for the stream, which tells of it. */
  write(bytes: Buffer): number {
    // What the stream still has comes first. The descriptor of a socket that is closed may be another's, and a closed one is not writable.
    if (this.#descriptor === NO_DESCRIPTOR || this.#socket.writableLength > 0 || !this.#socket.writable) return 0;
    try {
      return writeSync(this.#descriptor, bytes);
    } catch {
      // EAGAIN: its buffer is full. Of all else the stream's own write fails too.
      return 0;
    }
  }
}

/** Of an accepted TCP socket, which does not block: Node makes it so. */
function descriptorOf(socket: EdgeSocket): number {
  const descriptor = isPlainTcp(socket) ? fieldOf(fieldOf(socket, "_handle"), "fd") : undefined;
  return typeof descriptor === "number" && descriptor >= 0 ? descriptor : NO_DESCRIPTOR;
}
