import { makeProblem, PROBLEM_TYPE } from "./problem.ts";

const STATUSES: Readonly<Record<string, readonly [status: number, reason: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large", "The request's line and headers are too long."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "The request did not arrive in time."],
};

/** The bytes that answer what is not even HTTP, before there is a request: a problem too. `code` is that of Node's error. */
export function clientErrorAnswer(code: string | undefined): string {
  const [status, reason, detail] = STATUSES[code ?? ""] ?? [400, "Bad Request", "This is not a valid HTTP request."];
  const body = JSON.stringify(makeProblem("INVALID_INPUT", detail, { status }));
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    "Connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
