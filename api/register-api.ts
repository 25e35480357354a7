import fastifySwaggerUi from "@fastify/swagger-ui";
import { registerOpenApi } from "./openapi.ts";
import type { RouteContext, ZodApp } from "./route-context.ts";
import { probeRoutes } from "./routes/probe-routes.ts";
import { alarmRoutes } from "./routes/alarm-routes.ts";
import { configurationRoutes } from "./routes/configuration-routes.ts";
import { deviceRoutes } from "./routes/device-routes.ts";
import { historyRoutes } from "./routes/history-routes.ts";
import { importRoutes } from "./routes/import-routes.ts";
import { mqttRoutes } from "./routes/mqtt-routes.ts";
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

/** All of the API under /api/v1, its documentation and the probes. */
export async function registerApi(root: ZodApp, context: RouteContext): Promise<void> {
  await registerOpenApi(root);
  await root.register(async (scope) => registerRoutes(scope, context), { prefix: "/api/v1" });
  probeRoutes(root, context);
  root.get("/openapi.json", { schema: { hide: true } }, async () => root.swagger());
  await root.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    uiConfig: { tryItOutEnabled: true },
    theme: DOCS_THEME,
  });
}

function registerRoutes(api: ZodApp, context: RouteContext): void {
  signInRoutes(api, context);
  void api.register(async (guarded: ZodApp) => {
    guarded.addHook("onRequest", async (request) => context.gate.letIn(request.raw));
    for (const routes of GUARDED_ROUTES) routes(guarded, context);
  });
}
