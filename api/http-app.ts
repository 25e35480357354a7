import fastifySwaggerUi from "@fastify/swagger-ui";
import { fastify } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { randomUUID } from "node:crypto";
import { parse } from "node:querystring";
import { LIMITS } from "../core/limits.ts";
import type { ApiOptions } from "./api-options.ts";
import { clientOnError } from "./client-error.ts";
import { createErrorHandler, sendProblem } from "./error-answer.ts";
import { createGate, type Gate } from "./gate.ts";
import { registerOpenApi } from "./openapi.ts";
import { registerPages } from "./pages.ts";
import { makeProblem } from "../core/problem.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "../core/request-id.ts";
import type { RouteContext, ZodApp } from "./route-context.ts";
import { alarmRoutes } from "./routes/alarm-routes.ts";
import { configurationRoutes } from "./routes/configuration-routes.ts";
import { deviceRoutes } from "./routes/device-routes.ts";
import { historyRoutes } from "./routes/history-routes.ts";
import { importRoutes } from "./routes/import-routes.ts";
import { mqttRoutes } from "./routes/mqtt-routes.ts";
import { probeRoutes } from "./routes/probe-routes.ts";
import { deadLetterRoutes } from "./routes/dead-letter-routes.ts";
import { rejectRoutes } from "./routes/reject-routes.ts";
import { functionRoutes } from "./routes/function-routes.ts";
import { comparisonRoutes, rolloutRoutes } from "./routes/rollout-routes.ts";
import { replayRoutes } from "./routes/replay-routes.ts";
import { ruleRoutes, typeRoutes } from "./routes/rule-routes.ts";
import { sessionRoutes, signInRoutes } from "./routes/session-routes.ts";
import { slowDeviceRoutes } from "./routes/slow-device-routes.ts";
import { statusRoutes } from "./routes/status-routes.ts";
import { tableRoutes } from "./routes/table-routes.ts";
import { whyJoinedRoutes } from "./routes/why-joined-routes.ts";
import { whyRoutes } from "./routes/why-routes.ts";
import { setSecurityHeaders } from "./security-headers.ts";
import { createSessions } from "./sessions.ts";
import { createTokenBuckets } from "./token-buckets.ts";

/** Routes that need a credential. */
const GUARDED_ROUTES: readonly ((app: ZodApp, context: RouteContext) => void)[] = [
  sessionRoutes,
  statusRoutes,
  importRoutes,
  deviceRoutes,
  slowDeviceRoutes,
  mqttRoutes,
  historyRoutes,
  rejectRoutes,
  deadLetterRoutes,
  alarmRoutes,
  whyRoutes,
  whyJoinedRoutes,
  ruleRoutes,
  functionRoutes,
  rolloutRoutes,
  comparisonRoutes,
  replayRoutes,
  typeRoutes,
  tableRoutes,
  configurationRoutes,
];

/** The bar at the top is Swagger's own advertisement. */
const DOCS_THEME = {
  title: "Millrace API",
  css: [{ filename: "theme.css", content: ".swagger-ui .topbar { display: none }" }],
};

/** The HTTP application, not listening yet. */
export function buildHttpApp(options: ApiOptions): { readonly app: ZodApp; readonly gate: Gate } {
  const app = createFastify(options);
  const sessions = createSessions(options.clock);
  const gate = createGate(sessions, (token) => options.registry.credentials.verify(token));
  const { signInBurst: burst, signInIntervalMs: intervalMs, signInAddressesMax: keysMax } = LIMITS;
  const signInAttempts = createTokenBuckets({ burst, intervalMs, keysMax }, options.clock);
  const context: RouteContext = { options, gate, sessions, signInAttempts };
  void app.register(async (root) => {
    await registerOpenApi(root);
    if (options.surface === "probes") return probeRoutes(root, context);
    await root.register(async (scope) => registerApi(scope, context), { prefix: "/api/v1" });
    probeRoutes(root, context);
    root.get("/openapi.json", { schema: { hide: true } }, async () => root.swagger());
    await root.register(fastifySwaggerUi, {
      routePrefix: "/docs",
      uiConfig: { tryItOutEnabled: true },
      theme: DOCS_THEME,
    });
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

function registerApi(api: ZodApp, context: RouteContext): void {
  signInRoutes(api, context);
  void api.register(async (guarded: ZodApp) => {
    guarded.addHook("onRequest", async (request) => context.gate.letIn(request.raw));
    for (const routes of GUARDED_ROUTES) routes(guarded, context);
  });
}

/** Forms send a filter that is not set as `type=`: an empty parameter is an absent one. */
function parseQuery(text: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parse(text)).filter(([, value]) => value !== ""));
}
