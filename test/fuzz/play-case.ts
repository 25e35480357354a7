import { connect } from "node:net";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import type { FuzzCase } from "./fuzz-case.ts";

export interface FuzzPorts {
  readonly mqtt: number;
  readonly ingest: number;
}

/** After its FIN a peer waits so long for the server's. */
const LINGER_MS = 150;

/** Plays a case. `onOpen` is told the local address, by which the log names the connection. Resolves with what came back. */
export async function playCase(
  { kind, writes, pauseMs, reads, ending, stayMs }: FuzzCase,
  ports: FuzzPorts,
  onOpen: (address: string) => void,
): Promise<Buffer> {
  const socket = connect({ port: kind === "mqtt" ? ports.mqtt : ports.ingest, host: "127.0.0.1", noDelay: true });
  const received: Buffer[] = [];
  // It closes next, whatever was wrong with it.
  socket.on("error", () => socket.destroy());
  const closed = new Promise<false>((resolve) => socket.once("close", () => resolve(false)));
  const opened = new Promise<true>((resolve) => socket.once("connect", () => resolve(true)));
  const isOpen = await Promise.race([opened, closed]);
  if (!isOpen) throw new Error("the port takes no connection");
  onOpen(`127.0.0.1:${socket.localPort}`);
  if (reads) socket.on("data", (bytes) => received.push(bytes));
  for (const bytes of writes) {
    if (socket.destroyed || !socket.writable) break;
    socket.write(bytes);
    await (pauseMs === 0 ? nextTurn() : delay(pauseMs));
  }
  await Promise.race([closed, delay(stayMs, undefined, { ref: false })]);
  if (ending === "half-close") socket.end();
  if (ending !== "reset") await Promise.race([closed, delay(LINGER_MS, undefined, { ref: false })]);
  if (ending === "reset" && !socket.destroyed) socket.resetAndDestroy();
  socket.destroy();
  return Buffer.concat(received);
}
