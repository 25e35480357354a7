import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Principal } from "../../core/registry.ts";
import { sessionAnswer, signInCodeAnswer } from "../answer-shapes.ts";
import { signInBody } from "../body-shapes.ts";
import { requireAdmin } from "../gate.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";
import { isCrossSite } from "../same-origin.ts";
import { sessionCookie, sessionOfCookies } from "../sessions.ts";

const tags = ["session"];

/** Signing in: the only route of the API that needs no credential. */
export function signInRoutes(app: ZodApp, { options, sessions, signInAttempts }: RouteContext): void {
  app.post(
    "/session",
    {
      schema: { tags, security: [], summary: "Sign in", body: signInBody, response: { 200: sessionAnswer } },
      // Before the body is read: an address that guesses costs nothing more.
      onRequest: async (request, reply) => limitAttempts(signInAttempts.take(request.ip), reply),
    },
    async (request, reply) => {
      // A foreign page could otherwise sign its visitor in as somebody else.
      if (isCrossSite(request.headers))
        throw new MillraceError("NOT_AUTHORIZED", "Sign in from a page of this origin.");
      const { body } = request;
      const principal =
        "code" in body ? options.signInCodes.redeem(body.code) : await options.registry.credentials.verify(body.token);
      if (!principal) throw notAccepted("code" in body);
      const session = sessions.open(requireAdmin(principal));
      void reply.header("set-cookie", sessionCookie(session, isSecure(request)));
      return { tenant: principal.tenant, name: principal.id };
    },
  );
}

export function sessionRoutes(app: ZodApp, { options, gate, sessions }: RouteContext): void {
  app.post(
    "/session/code",
    {
      schema: { tags, summary: "A code for one sign-in, as the start prints it", response: { 201: signInCodeAnswer } },
    },
    async ({ raw }, reply) => {
      const { tenant } = gate.principalOf(raw);
      const code = options.signInCodes.issue({ kind: "admin", tenant, id: "sign-in link" });
      return reply.code(201).send({ code, until: options.clock.now() + LIMITS.signInCodeMs });
    },
  );
  app.get("/session", { schema: { tags, summary: "Who am I", response: { 200: sessionAnswer } } }, async (request) =>
    whoIs(gate.principalOf(request.raw)),
  );
  app.delete(
    "/session",
    { schema: { tags, summary: "Sign out", response: { 204: z.null() } } },
    async (request, reply) => {
      const session = sessionOfCookies(request.headers.cookie);
      if (session !== null) sessions.close(session);
      void reply.header("set-cookie", sessionCookie(null, isSecure(request)));
      return reply.code(204).send(null);
    },
  );
}

function whoIs(principal: Principal): z.infer<typeof sessionAnswer> {
  return { tenant: principal.tenant, name: principal.id };
}

function limitAttempts(waitMs: number, reply: FastifyReply): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  void reply.header("retry-after", String(seconds));
  throw new MillraceError("LIMIT_EXCEEDED", `Too many sign-in attempts from this address. Try again in ${seconds} s.`);
}

function notAccepted(wasCode: boolean): MillraceError {
  return wasCode
    ? new MillraceError("NOT_AUTHENTICATED", "The sign-in code is not known, was used, or is too old.", {
        remedy: "Sign in with the admin token, or with a new link: millrace link prints one.",
      })
    : new MillraceError("NOT_AUTHENTICATED", "The token is not known.", {
        remedy: "Use the admin token that the first start printed.",
      });
}

/** A claim of https that is wrong only keeps the cookie from being sent. */
function isSecure(request: FastifyRequest): boolean {
  return request.protocol === "https" || request.headers["x-forwarded-proto"] === "https";
}
