import { z } from "zod";
import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { MillraceError } from "../../core/errors.ts";
import { listOf } from "../answer-shapes.ts";
import { ruleBody, typeBody } from "../body-shapes.ts";
import { idParams } from "../query-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

/** Alarm rules and device types: the configuration that functions run by. */
export function ruleRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  const tags = ["rules"];
  app.get(
    "/rules",
    { schema: { tags, summary: "List alarm rules", response: { 200: listOf(alarmRuleSchema) } } },
    async ({ raw }) => ({ items: await options.registry.config.rules(gate.principalOf(raw).tenant) }),
  );
  app.put(
    "/rules/:id",
    {
      schema: {
        tags,
        summary: "Create or replace a rule",
        params: idParams,
        body: ruleBody,
        response: { 200: alarmRuleSchema },
      },
    },
    async ({ raw, params: { id }, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      refuseOtherId(id, body.id);
      const rule = { ...body, tenant, id };
      await options.registry.config.apply({ types: [], rules: [rule], devices: [] }, actor);
      await settleConfiguration(options, reply);
      return rule;
    },
  );
  app.delete(
    "/rules/:id",
    { schema: { tags, summary: "Remove a rule and clear its alarms", params: idParams, response: { 204: z.null() } } },
    async ({ raw, params: { id } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      await options.registry.config.removeRule(tenant, id, actor);
      await settleConfiguration(options, reply);
      return reply.code(204).send(null);
    },
  );
}

export function typeRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  const tags = ["types"];
  app.get(
    "/types",
    { schema: { tags, summary: "List device types", response: { 200: listOf(deviceTypeSchema) } } },
    async ({ raw }) => ({ items: await options.registry.config.types(gate.principalOf(raw).tenant) }),
  );
  app.put(
    "/types/:id",
    {
      schema: {
        tags,
        summary: "Create or replace a type",
        params: idParams,
        body: typeBody,
        response: { 200: deviceTypeSchema },
      },
    },
    async ({ raw, params: { id }, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      refuseOtherId(id, body.id);
      const type = { ...body, tenant, id };
      await options.registry.config.apply({ types: [type], rules: [], devices: [] }, actor);
      await settleConfiguration(options, reply);
      return type;
    },
  );
  app.delete(
    "/types/:id",
    { schema: { tags, summary: "Remove a type", params: idParams, response: { 204: z.null() } } },
    async ({ raw, params: { id } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      await options.registry.config.removeType(tenant, id, actor);
      await settleConfiguration(options, reply);
      return reply.code(204).send(null);
    },
  );
}

export function refuseOtherId(path: string, body: string | undefined): void {
  if (body === undefined || body === path) return;
  throw new MillraceError("INVALID_INPUT", `The path names "${path}", the body "${body}".`, {
    remedy: "An id never changes.",
  });
}
