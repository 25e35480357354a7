import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { deviceKey } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { applyAnswer } from "../answer-shapes.ts";
import { applyBody, flushBody } from "../body-shapes.ts";
import { knownDevice } from "./device-routes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

const tags = ["configuration"];

export function configurationRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.post(
    "/apply",
    {
      schema: {
        tags,
        summary: "Create or replace types, rules, reference tables and devices, all or none",
        body: applyBody,
        response: { 200: applyAnswer },
      },
    },
    async ({ raw, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const document = {
        types: body.types.map((type) => ({ ...type, tenant })),
        rules: body.rules.map((rule) => ({ ...rule, tenant })),
        tables: body.tables.map((table) => ({ ...table, tenant })),
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
        summary: "End a replay: close the windows of some devices, or of all, up to a time",
        body: flushBody,
        response: { 202: z.object({ upTo: z.int() }) },
      },
    },
    async ({ raw, body: { upTo, devices } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      refuseFuture(upTo, options.clock.now());
      for (const id of devices ?? []) await knownDevice(options, tenant, id);
      const keys = devices === undefined ? {} : { devices: [...new Set(devices)].map((id) => deviceKey(tenant, id)) };
      const control = { v: 1, kind: "flush", upTo, ...keys } as const;
      const sequence = await options.registry.controlOutbox.enqueue(null, control, actor);
      await settleConfiguration(options, reply, sequence);
      return reply.code(202).send({ upTo });
    },
  );
}

/** A watermark never goes back: in the future it would make all that live devices send late, and their silences begin before they do. */
function refuseFuture(upTo: number, now: number): void {
  if (upTo <= now + LIMITS.eventTimeAheadMsMax) return;
  throw new MillraceError(
    "INVALID_INPUT",
    `\`upTo\` is in the future (it is ${new Date(now).toISOString()}): what devices send until then would be late, for good.`,
    { remedy: "Name a time that has passed." },
  );
}
