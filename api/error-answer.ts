import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { errorText, type ErrorCode } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import { cut, internalProblem, isPassing, makeProblem, problemOfMillraceError, PROBLEM_TYPE } from "../core/problem.ts";
import type { FieldProblem, Problem } from "../core/problem.ts";
import { REQUEST_ID_HEADER } from "../core/request-id.ts";

/** Fastify's own refusals that have a code of ours; its other 4xx are INVALID_INPUT under Fastify's status. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "PAYLOAD_TOO_LARGE",
  FST_ERR_HANDLER_TIMEOUT: "TIMED_OUT",
};

const PLACES: Readonly<Record<string, string>> = { querystring: "query", params: "path" };

/** Answers with a problem. A string, so that no response schema touches it. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 401) void reply.header("www-authenticate", 'Bearer realm="millrace"');
  if (isPassing(problem.code) && !reply.hasHeader("retry-after")) void reply.header("retry-after", "1");
  const { id: requestId } = reply.request;
  void reply.header(REQUEST_ID_HEADER, requestId);
  return reply
    .code(problem.status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify({ ...problem, requestId }));
}

/** The error handler of every route: an operating error becomes its problem, anything else a reference into the log. */
export function createErrorHandler(logger: Logger) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = problemOfMillraceError(error) ?? problemOfValidation(error) ?? problemOfFastify(error);
    if (problem) {
      if (problem.status >= 500)
        logger.warn({ requestId: request.id, code: problem.code, ...placeOf(request) }, problem.detail);
      return sendProblem(reply, problem);
    }
    logger.error({ requestId: request.id, ...placeOf(request), err: error }, `a request failed: ${errorText(error)}`);
    return sendProblem(reply, internalProblem(request.id));
  };
}

function placeOf({ method, url }: FastifyRequest): { readonly method: string; readonly url: string } {
  return { method, url: cut(url) };
}

function problemOfValidation(error: FastifyError): Problem | null {
  if (!hasZodFastifySchemaValidationErrors(error)) return null;
  const context = error.validationContext ?? "body";
  const place = PLACES[context] ?? context;
  const errors: FieldProblem[] = error.validation.slice(0, LIMITS.problemDetailsMax).map((issue) => ({
    in: place,
    path: cut(issue.instancePath.slice(1).replaceAll("/", ".")),
    message: cut(issue.message ?? "is not valid"),
  }));
  const sentence = errors.map((e) => `${place}${e.path === "" ? "" : ` ${e.path}`}: ${e.message}`).join("; ");
  return makeProblem("INVALID_INPUT", sentence, { remedy: "See /docs for what is allowed.", errors });
}

function problemOfFastify(error: FastifyError): Problem | null {
  const code = FASTIFY_CODES[error.code];
  if (code === "PAYLOAD_TOO_LARGE") {
    return makeProblem(code, `A body may have ${LIMITS.apiBodyBytesMax} bytes.`, { remedy: "Send it in parts." });
  }
  if (code !== undefined) return makeProblem(code, error.message);
  const status = error.statusCode;
  if (status === undefined || status < 400 || status >= 500) return null;
  return makeProblem("INVALID_INPUT", error.message, { status });
}
