import { fastify } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { randomUUID } from "node:crypto";
import { parse } from "node:querystring";
import { LIMITS } from "../core/limits.ts";
import type { ApiOptions } from "./api-options.ts";
import { clientOnError } from "./client-error.ts";
import { createErrorHandler, sendProblem } from "./error-answer.ts";
import { createGate, type Gate } from "./gate.ts";
import { registerPages } from "./pages.ts";
import { makeProblem } from "../core/problem.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "../core/request-id.ts";
import type { RouteContext, ZodApp } from "./route-context.ts";
import { probeRoutes } from "./routes/probe-routes.ts";
import { setSecurityHeaders } from "./security-headers.ts";
import { createSessions } from "./sessions.ts";
import { createTokenBuckets } from "./token-buckets.ts";

/** The HTTP application, not listening yet. */
export function buildHttpApp(options: ApiOptions): { readonly app: ZodApp; readonly gate: Gate } {
  const app = createFastify(options);
  const sessions = createSessions(options.clock);
  const gate = createGate(sessions, (token) => options.registry.credentials.verify(token));
  const { signInBurst: burst, signInIntervalMs: intervalMs, signInAddressesMax: keysMax } = LIMITS;
  const signInAttempts = createTokenBuckets({ burst, intervalMs, keysMax }, options.clock);
  const context: RouteContext = { options, gate, sessions, signInAttempts };
  void app.register(async (root) => {
    if (options.surface === "probes") return probeRoutes(root, context);
    // Who answers probes only has neither the routes nor their documentation in memory.
    const { registerApi } = await import("./register-api.ts");
    await registerApi(root, context);
  });
  registerPages(app, options.pagesDirectory);
  return { app, gate };
}

function createFastify(options: ApiOptions): ZodApp {
  const app = fastify({
    genReqId: ({ headers }) => requestIdOf(headers[REQUEST_ID_HEADER], randomUUID),
    bodyLimit: LIMITS.apiBodyBytesMax,
    requestTimeout: LIMITS.apiRequestTimeoutMs,
    handlerTimeout: LIMITS.apiHandlerTimeoutMs,
    clientErrorHandler: clientOnError,
    frameworkErrors: (error, _, reply) => void sendProblem(reply, makeProblem("INVALID_INPUT", error.message)),
    // Without these Fastify loads compilers of its own, which nothing here uses.
    schemaController: {
      compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler },
    },
    routerOptions: { maxParamLength: LIMITS.pathSegmentCharactersMax, querystringParser: parseQuery },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(createErrorHandler(options.logger));
  // JSON only: a form of a foreign page can send text/plain without asking first (CORS preflight).
  app.removeContentTypeParser("text/plain");
  app.addHook("onRequest", async (request, reply) => {
    void reply.header(REQUEST_ID_HEADER, request.id);
    setSecurityHeaders(request, reply);
  });
  return app;
}

function noCompiler(): never {
  throw new Error("validators and serializers are set before the first route");
}

/** Forms send a filter that is not set as `type=`: an empty parameter is an absent one. */
function parseQuery(text: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parse(text)).filter(([, value]) => value !== ""));
}
