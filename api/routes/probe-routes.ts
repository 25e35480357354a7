import { healthAnswer, readinessAnswer } from "../answer-shapes.ts";
import { PROMETHEUS_TYPE, prometheusText } from "../prometheus-text.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";
import { isLocalRequest } from "../same-origin.ts";

const tags = ["probes"];

/** For orchestrators and Prometheus. Outside the API's prefix, where they look. */
export function probeRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/healthz",
    { schema: { tags, security: [], summary: "Alive", response: { 200: healthAnswer } } },
    async () => ({ status: "alive" }) as const,
  );
  app.get(
    "/readyz",
    {
      schema: {
        tags,
        security: [],
        summary: "Ready, or why not",
        response: { 200: readinessAnswer, 503: readinessAnswer },
      },
    },
    async (_, reply) => {
      const reasons = options.health.notReadyReasons();
      const ready = reasons.length === 0;
      return reply.code(ready ? 200 : 503).send({ ready, reasons, faults: options.health.faults() });
    },
  );
  app.get(
    "/metrics",
    { schema: { tags, summary: "Prometheus text format. From another machine it needs the admin token" } },
    async ({ raw }, reply) => {
      if (!isLocalRequest(raw.socket.remoteAddress, raw.headers)) await gate.letIn(raw);
      return reply.type(PROMETHEUS_TYPE).send(prometheusText(await options.metrics()));
    },
  );
}
