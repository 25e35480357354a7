import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A link that can be cut: a TCP proxy on 127.0.0.1. */
export interface LinkProxy {
  readonly port: number;
  /** Bytes that went up so far. */
  readonly bytesUp: number;
  /** From now on what goes up arrives, and no answer comes back: what is sent has to be sent again, although it is there. */
  mute(): void;
  /**
   * Resets what is open. From now on connections are `refused`, or `silent`: taken, and nothing is said, as on a link that swallows
   * packets.
   */
  cut(how: "refused" | "silent"): void;
  /** From now on connections go through. */
  mend(): void;
  close(): Promise<void>;
}

/** `target`: a port of 127.0.0.1. */
export async function openLinkProxy(target: number): Promise<LinkProxy> {
  const open = new Set<Socket>();
  let cut: "refused" | "silent" | null = null;
  let isMute = false;
  let bytesUp = 0;
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const reset = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  const server = createServer((socket) => {
    track(socket);
    if (cut === "refused") return void socket.resetAndDestroy();
    if (cut === "silent") return void socket.resume();
    const upstream = connect(target, "127.0.0.1");
    track(upstream);
    socket.on("data", (bytes: Buffer) => (bytesUp += bytes.length));
    socket.pipe(upstream);
    upstream.on("data", (bytes: Buffer) => isMute || socket.write(bytes));
    socket.once("close", () => upstream.destroy());
    upstream.once("close", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get bytesUp() {
      return bytesUp;
    },
    mute() {
      isMute = true;
    },
    cut(how) {
      cut = how;
      reset();
    },
    mend() {
      cut = null;
      isMute = false;
      // What hangs would be waited for until its time-out.
      reset();
    },
    async close() {
      reset();
      server.close();
      await once(server, "close");
    },
  };
}
