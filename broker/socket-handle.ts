import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { EdgeSocket } from "./edge-socket.ts";

/** True for a TCP socket whose bytes are the peer's own: its handle may be read and written past the stream. */
export function isPlainTcp(socket: EdgeSocket): socket is EdgeSocket & Socket {
  return socket instanceof Socket && !(socket instanceof TLSSocket);
}

/** Of a socket or its handle, which have fields that no type tells of; undefined where Node has changed. */
export function fieldOf(of: unknown, name: string): unknown {
  return typeof of === "object" && of !== null ? Reflect.get(of, name) : undefined;
}
