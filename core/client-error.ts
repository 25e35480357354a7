import { makeProblem, PROBLEM_TYPE } from "./problem.ts";

interface ClientError {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  readonly remedy: string;
}

const CLIENT_ERRORS: Readonly<Record<string, ClientError>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    reason: "Request Header Fields Too Large",
    detail: "The request's line and headers are too long.",
    remedy: "Leave out headers and cookies that nobody needs, and shorten the path.",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    reason: "Request Timeout",
    detail: "The request did not arrive in time.",
    remedy: "Send it again, whole, on a new connection.",
  },
};

const NOT_HTTP: ClientError = {
  status: 400,
  reason: "Bad Request",
  detail: "This is not a valid HTTP request.",
  remedy:
    "Check that the port is that of HTTP (MQTT has another one), and that the client frames its requests as HTTP/1.1 does.",
};

/** The bytes that answer what is not even HTTP, before there is a request: a problem too. `code` is that of Node's error. */
export function clientErrorAnswer(code: string | undefined): string {
  const { status, reason, detail, remedy } = CLIENT_ERRORS[code ?? ""] ?? NOT_HTTP;
  const body = JSON.stringify(makeProblem("INVALID_INPUT", detail, { status, remedy }));
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    "Connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
