import type { Socket } from "node:net";
import { makeProblem, PROBLEM_TYPE } from "./problem.ts";

const STATUSES: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "The request's line and headers are longer than 16 KiB."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not arrive in time."],
};

/** Answers what is not even HTTP, before there is a request: with a problem too, and the end of the connection. */
export function clientOnError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const [status, detail] = STATUSES[error.code ?? ""] ?? [400, "This is not a valid HTTP request."];
  const body = JSON.stringify(makeProblem("INVALID_INPUT", detail, { status }));
  const head = [
    `HTTP/1.1 ${status} ${status === 400 ? "Bad Request" : "Refused"}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  if (socket.writable) socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon();
}
