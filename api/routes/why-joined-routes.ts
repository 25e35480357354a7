import { z } from "zod";
import { explanationSchema } from "../../core/why.ts";
import { wholeNumber } from "../query-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["why"];
const response = { 200: explanationSchema };
const whole = wholeNumber();

/** Why a join failed: what it made is explained as other readings are. */
export function whyJoinedRoutes(app: ZodApp, { options, gate }: RouteContext): void {
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
