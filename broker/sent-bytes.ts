import type { EdgeSocket } from "./edge-socket.ts";

/**
 * A number that changes whenever the system takes bytes that were written to the socket, also within one large write, which no event tells of; of
 * TLS and WebSocket too. Node's own time-out of a socket looks at the same fields of its handle. Always 0 where they are not found.
 */
export function sentBytesOf(socket: EdgeSocket): number {
  const handle: unknown = Reflect.get(socket.carrier ?? socket, "_handle");
  if (typeof handle !== "object" || handle === null) return 0;
  const written: unknown = Reflect.get(handle, "bytesWritten");
  const queued: unknown = Reflect.get(handle, "writeQueueSize");
  return typeof written === "number" && typeof queued === "number" ? written - queued : 0;
}
