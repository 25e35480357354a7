import type { EdgeSocket } from "./edge-socket.ts";

/** Both directions of a socket: whether it is read, and what is written to it. */
export class SocketFlow {
  isReading = true;
  readonly #socket: EdgeSocket;

  constructor(socket: EdgeSocket) {
    this.#socket = socket;
  }

  /** True while the peer does not read what it is sent. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  read(wanted: boolean): void {
    if (wanted === this.isReading) return;
    this.isReading = wanted;
    if (wanted) this.#socket.resume();
    else this.#socket.pause();
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }
}
