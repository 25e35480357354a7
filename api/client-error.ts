import type { Socket } from "node:net";
import { clientErrorAnswer } from "../core/client-error.ts";

/** Answers what is not even HTTP, before there is a request, and ends the connection. */
export function clientOnError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  if (socket.writable) socket.write(clientErrorAnswer(error.code));
  socket.destroySoon();
}
