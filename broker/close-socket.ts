import { encodeConnackRefusal, encodeConnackRefusalV5 } from "../wire/mqtt-answers.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { REFUSALS, type RefusalReason } from "./refusals.ts";

/**
 * Closes the socket. A peer that still waits for its CONNACK gets the reason's code, where 3.1.1 has one. What is on its way to the
 * peer is flushed, and what it still sends is thrown away for a while, because closing with unread bytes would reset the
 * connection and take the answer with it. A revoked peer gets no such grace, nor one of a flood.
 */
export function closeSocket(
  socket: EdgeSocket,
  reason: RefusalReason | "disconnected" | "lost",
  unanswered: boolean,
  lingerMs: number,
): void {
  if (socket.destroyed) return;
  if (reason === "revoked" || reason === "connections-unauthenticated" || reason === "unauthenticated-per-address") {
    socket.destroy();
    return;
  }
  const answer = unanswered && reason !== "disconnected" && reason !== "lost" ? connackFor(reason) : null;
  if (answer === null) socket.end();
  else socket.end(answer);
  socket.resume();
  const linger = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(linger));
}

function connackFor(reason: RefusalReason): Buffer | null {
  if (reason === "protocol-level-5") return encodeConnackRefusalV5();
  const { returnCode } = REFUSALS[reason];
  return returnCode === 0 ? null : encodeConnackRefusal(returnCode);
}
