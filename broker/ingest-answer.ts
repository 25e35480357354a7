import type { ServerResponse } from "node:http";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { internalProblem, makeProblem, PROBLEMS, type Problem, PROBLEM_TYPE } from "../core/problem.ts";
import { REQUEST_ID_HEADER } from "../core/request-id.ts";
import { AGAIN, INGEST_REFUSALS, type IngestRefusal } from "./ingest-refusals.ts";

const CHALLENGE = 'Bearer realm="millrace"';
const RETRY_AFTER_S = "1";

/** Says that the message is durable, in the way that the route's clients expect: ThingsBoard's get 200. */
export function answerAdmitted(response: ServerResponse, status: 200 | 204, isRepeated: boolean): void {
  if (status === 200) response.setHeader("content-length", 0);
  if (isRepeated) response.setHeader("idempotency-replayed", "true");
  response.writeHead(status).end();
}

export function answerRefused(response: ServerResponse, reason: IngestRefusal): void {
  const { code, status, text, remedy } = INGEST_REFUSALS[reason];
  if (status === 401) {
    const isMissing = reason === "credentials-missing";
    response.setHeader("www-authenticate", isMissing ? CHALLENGE : `${CHALLENGE}, error="invalid_token"`);
  }
  if (status === 405) response.setHeader("allow", "POST");
  if (status === 426) response.setHeader("connection", "upgrade").setHeader("upgrade", "websocket");
  answerProblem(response, makeProblem(code, `${text}.`, { status, remedy }));
}

/** The log did not take the message: what it says may be for the operator only. Or something broke inside, which `requestId` finds in the log. */
export function answerFailed(response: ServerResponse, error: unknown, requestId: string): void {
  answerProblem(response, isMillraceError(error) ? notAdmitted(error.code) : internalProblem(requestId));
}

function notAdmitted(code: ErrorCode): Problem {
  const [, why] = PROBLEMS[code];
  return makeProblem(code, `The message is not admitted: ${why.charAt(0).toLowerCase()}${why.slice(1)}.`, {
    status: 503,
    remedy: AGAIN,
  });
}

function answerProblem(response: ServerResponse, problem: Problem): void {
  const isPassing = problem.status === 503 || problem.status === 429;
  if (isPassing && !response.hasHeader("retry-after")) response.setHeader("retry-after", RETRY_AFTER_S);
  const requestId = response.getHeader(REQUEST_ID_HEADER);
  const body = JSON.stringify(typeof requestId === "string" ? { ...problem, requestId } : problem);
  response.writeHead(problem.status, { "content-type": PROBLEM_TYPE, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
