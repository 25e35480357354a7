import type { EdgeSocket } from "./edge-socket.ts";
import { fieldOf } from "./socket-handle.ts";

/**
 * A number that changes whenever the system takes bytes that were written to the socket, also within one large write, which no event tells of; of
 * TLS and WebSocket too. Node's own time-out of a socket looks at such a field of its handle. Always 0 where they are not found.
 */
export function sentBytesOf(socket: EdgeSocket): number {
  const handle = fieldOf(socket.carrier ?? socket, "_handle");
  // With TLS the TCP handle beneath: all that was written is encrypted at once, and handed to it.
  const tcp = fieldOf(handle, "_parent") ?? handle;
  const written = fieldOf(tcp, "bytesWritten");
  const queued = fieldOf(tcp, "writeQueueSize");
  return typeof written === "number" && typeof queued === "number" ? written - queued : 0;
}
