import { DirectWrite } from "./direct-write.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { sentBytesOf } from "./sent-bytes.ts";

const FLUSH_BYTES = 65_536;

/** Both directions of a socket: whether it is read, and what is written to it. */
export class SocketFlow {
  isReading = true;
  /** True while the peer does not read what it is sent. Kept here: the socket's own state is asked for with every packet. */
  isBlocked = false;
  #isCorked = false;
  readonly #socket: EdgeSocket;
  readonly #direct: DirectWrite;

  constructor(socket: EdgeSocket) {
    this.#socket = socket;
    this.#direct = new DirectWrite(socket);
  }

  /** Changes with what the peer reads: see `sentBytesOf`. */
  get sentBytes(): number {
    return sentBytesOf(this.#socket);
  }

  /** The socket has said "drain". */
  drained(): void {
    this.isBlocked = false;
  }

  read(wanted: boolean): void {
    if (wanted === this.isReading) return;
    this.isReading = wanted;
    if (wanted) this.#socket.resume();
    else this.#socket.pause();
  }

  write(bytes: Buffer): void {
    const taken = this.#direct.write(bytes);
    if (taken === bytes.length || !this.#socket.writable) return;
    if (!this.#socket.write(taken === 0 ? bytes : bytes.subarray(taken))) this.isBlocked = true;
  }

  /** What is written so in one turn goes out together: a subscriber may get a thousand messages of one commit. */
  writeSoon(bytes: Buffer): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      process.nextTick(() => this.#flush());
    }
    if (!socket.write(bytes)) this.isBlocked = true;
    // A turn may write more than a subscriber may have queued: the system takes what it can at once.
    if (socket.writableLength >= FLUSH_BYTES) this.#flush();
  }

  #flush(): void {
    this.#isCorked = false;
    this.#socket.uncork();
  }
}
