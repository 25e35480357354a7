import { alarmAnswer, pageOf } from "../answer-shapes.ts";
import { alarmListQuery } from "../query-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

export function alarmRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/alarms",
    {
      schema: {
        tags: ["alarms"],
        summary: "List alarms",
        querystring: alarmListQuery,
        response: { 200: pageOf(alarmAnswer) },
      },
    },
    async ({ raw, query }) => options.registry.alarms.list({ tenant: gate.principalOf(raw).tenant, ...query }),
  );
}
