import { z } from "zod";
import { idSchema, metricNameSchema } from "../../core/schemas.ts";
import { explanationSchema } from "../../core/why.ts";
import { deadLetterFilterQuery, windowSize, wholeNumber } from "../query-shapes.ts";
import { knownDevice } from "./device-routes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["why"];
const response = { 200: explanationSchema };
const whole = wholeNumber();

const alarmQuery = z.strictObject({ transition: z.enum(["raised", "cleared"]).default("raised") });
const windowQuery = z.strictObject({
  metric: metricNameSchema,
  start: whole.describe("Start of the window, UTC ms"),
  size: windowSize,
});
const letterParams = z.object({ topic: z.enum(["telemetry", "readings"]), partition: whole, offset: whole });

const letterQuery = deadLetterFilterQuery.pick({ function: true });

/** Why an output is what it is: made again of the messages in the log. */
export function whyRoutes(app: ZodApp, context: RouteContext): void {
  const { options, gate } = context;
  app.get(
    "/alarms/:id/why",
    {
      schema: {
        tags,
        summary: "The messages, state and version that raised or cleared an alarm",
        params: z.object({ id: idSchema }),
        querystring: alarmQuery,
        response,
      },
    },
    async ({ raw, params: { id }, query: { transition } }) => {
      return options.why.explain(gate.principalOf(raw).tenant, { kind: "alarm", id, transition });
    },
  );
  app.get(
    "/devices/:id/aggregates/why",
    {
      schema: {
        tags,
        summary: "The messages, state and version that made a window's aggregate",
        params: z.object({ id: idSchema }),
        querystring: windowQuery,
        response,
      },
    },
    async ({ raw, params, query }) => {
      const { tenant, id: device } = await knownDevice(options, gate.principalOf(raw).tenant, params.id);
      return options.why.explain(tenant, { kind: "aggregate", device, ...query });
    },
  );
  deviceOutputRoutes(app, context);
  app.get(
    "/dead-letters/:topic/:partition/:offset/why",
    {
      schema: {
        tags,
        summary: "The message on which a function failed, and the state that it met",
        params: letterParams,
        querystring: letterQuery,
        response,
      },
    },
    async ({ raw, params, query: { function: of } }) => {
      const ofFunction = of === undefined ? {} : { function: of };
      return options.why.explain(gate.principalOf(raw).tenant, { kind: "dead-letter", ...params, ...ofFunction });
    },
  );
}

/** What is named by its device and its event time. */
function deviceOutputRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/devices/:id/readings/why",
    {
      schema: {
        tags,
        summary: "The messages, state and version that made a reading",
        params: z.object({ id: idSchema }),
        querystring: z.strictObject({ metric: metricNameSchema, ts: whole.describe("Event time, UTC ms") }),
        response,
      },
    },
    // Results of a join are readings of the device that its key names, whether or not it is registered.
    async ({ raw, params: { id: device }, query }) => {
      return options.why.explain(gate.principalOf(raw).tenant, { kind: "reading", device, ...query });
    },
  );
  app.get(
    "/devices/:id/events/why",
    {
      schema: {
        tags,
        summary: "The messages, state and version of a function that made an event",
        params: z.object({ id: idSchema }),
        querystring: z.strictObject({ ts: whole.describe("Time of the event, UTC ms") }),
        response,
      },
    },
    async ({ raw, params, query }) => {
      const { tenant, id: device } = await knownDevice(options, gate.principalOf(raw).tenant, params.id);
      return options.why.explain(tenant, { kind: "event", device, ...query });
    },
  );
}
