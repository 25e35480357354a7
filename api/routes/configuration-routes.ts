import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { applyAnswer } from "../answer-shapes.ts";
import { applyBody, flushBody } from "../body-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

const tags = ["configuration"];

export function configurationRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.post(
    "/apply",
    {
      schema: {
        tags,
        summary: "Create or replace types, rules and devices, all or none",
        body: applyBody,
        response: { 200: applyAnswer },
      },
    },
    async ({ raw, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const document = {
        types: body.types.map((type) => ({ ...type, tenant })),
        rules: body.rules.map((rule) => ({ ...rule, tenant })),
        devices: body.devices.map((device) => ({ ...device, tenant })),
      };
      const summary = await options.registry.config.apply(document, actor);
      await settleConfiguration(options, reply);
      return summary;
    },
  );
  app.post(
    "/flush",
    {
      schema: {
        tags,
        summary: "End a replay: close every window up to a time",
        body: flushBody,
        response: { 202: z.object({ upTo: z.int() }) },
      },
    },
    async ({ raw, body: { upTo } }, reply) => {
      const { id: actor } = gate.principalOf(raw);
      // A watermark never goes back: one in the far future would make everything after it late, for good.
      const most = options.clock.now() + LIMITS.windowMsMax;
      if (upTo > most)
        throw new MillraceError("INVALID_INPUT", `\`upTo\` may be ${most} at most: a watermark never goes back.`);
      const sequence = await options.registry.controlOutbox.enqueue(null, { v: 1, kind: "flush", upTo }, actor);
      await settleConfiguration(options, reply, sequence);
      return reply.code(202).send({ upTo });
    },
  );
}
