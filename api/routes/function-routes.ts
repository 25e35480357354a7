import { createHash } from "node:crypto";
import { z } from "zod";
import { functionUsageSchema } from "../../core/function-usage.ts";
import { stageSettingsSchema } from "../../core/stage-settings.ts";
import { functionVersionAnswer, listOf } from "../answer-shapes.ts";
import { deployBody, rollbackBody } from "../body-shapes.ts";
import { functionParams, functionQuery } from "../query-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

const tags = ["functions"];

/** Users' functions: all versions, and which of them run. */
export function functionRoutes(app: ZodApp, context: RouteContext): void {
  const { options, gate } = context;
  const functions = () => options.registry.functions;
  app.get(
    "/functions",
    {
      schema: {
        tags,
        summary: "List the versions of functions, newest first",
        querystring: functionQuery,
        response: { 200: listOf(functionVersionAnswer) },
      },
    },
    async ({ query: { name } }) => ({ items: [...(await functions().versions(name))] }),
  );
  shownRoutes(app, context);
  app.post(
    "/functions",
    {
      schema: {
        tags,
        summary: "Make the functions that the code exports live, or run them as canaries; all or none",
        body: deployBody,
        response: { 200: listOf(functionVersionAnswer) },
      },
    },
    async ({ raw, body: { code, canary, ...where } }, reply) => {
      const { id: actor } = gate.principalOf(raw);
      const hash = createHash("sha256").update(code).digest("hex");
      const outlined = await options.outlineFunctions(code, where);
      const deployed = await functions().deploy({ code, hash, functions: outlined, ...where }, actor, canary);
      await settleConfiguration(options, reply);
      return { items: [...deployed] };
    },
  );
  app.post(
    "/functions/:name/rollback",
    {
      schema: {
        tags,
        summary: "Take back a canary; without one, make an earlier version live again: the one before, or a named one",
        params: functionParams,
        body: rollbackBody,
        response: { 200: functionVersionAnswer },
      },
    },
    async ({ raw, params: { name }, body: { version = null } }, reply) => {
      const live = await functions().rollback(name, version, gate.principalOf(raw).id);
      await settleConfiguration(options, reply);
      return live;
    },
  );
  app.delete(
    "/functions/:name",
    {
      schema: {
        tags,
        summary: "Stop a function and erase what it keeps; its versions stay",
        params: functionParams,
        response: { 204: z.null() },
      },
    },
    async ({ raw, params: { name } }, reply) => {
      await functions().undeploy(name, gate.principalOf(raw).id);
      await settleConfiguration(options, reply);
      return reply.code(204).send(null);
    },
  );
}

/** What their stages may take, and what they have used. */
function shownRoutes(app: ZodApp, { options }: RouteContext): void {
  app.get(
    "/functions/stages",
    {
      schema: {
        tags,
        summary:
          "What was said of stages at deploys: isolation and limits; null is as the settings of the instance say",
        response: { 200: listOf(stageSettingsSchema.extend({ stage: z.string() })) },
      },
    },
    async () => ({
      items: [...(await options.registry.functions.stageSettings())].map(([stage, one]) => ({ stage, ...one })),
    }),
  );
  app.get(
    "/functions/usage",
    {
      schema: {
        tags,
        summary: "What each version has used since its threads started: calls, time, memory, errors",
        response: { 200: listOf(functionUsageSchema) },
      },
    },
    async () => ({ items: await options.functionUsage() }),
  );
}
