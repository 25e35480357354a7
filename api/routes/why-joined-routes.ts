import { z } from "zod";
import { idSchema, metricNameSchema } from "../../core/schemas.ts";
import { explanationSchema } from "../../core/why.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["why"];
const response = { 200: explanationSchema };
const whole = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const readingQuery = z.strictObject({ metric: metricNameSchema, ts: whole.describe("Its event time, UTC ms") });

/** Why a join made what it made. */
export function whyJoinedRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/devices/:id/readings/why",
    {
      schema: {
        tags,
        summary: "The messages of both sides, the state and the version that made a reading of a join",
        // Results are readings of the device that the key names, whether or not it is registered.
        params: z.object({ id: idSchema }),
        querystring: readingQuery,
        response,
      },
    },
    async ({ raw, params: { id: device }, query }) => {
      return options.whyJoined.explain(gate.principalOf(raw).tenant, { kind: "reading", device, ...query });
    },
  );
  app.get(
    "/dead-letters/repartition/:partition/:offset/why",
    {
      schema: {
        tags,
        summary: "The messages on which a join failed, and the state that they met",
        params: z.object({ partition: whole, offset: whole }),
        response,
      },
    },
    async ({ raw, params }) => {
      return options.whyJoined.explain(gate.principalOf(raw).tenant, { kind: "dead-letter", ...params });
    },
  );
}
