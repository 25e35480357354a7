import { MillraceError } from "../../core/errors.ts";
import { applyAnswer } from "../answer-shapes.ts";
import { importBody } from "../body-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

/** Devices in bulk, with the tokens that they already have, so that firmware in the field need not be touched. */
export function importRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.post(
    "/devices/import",
    {
      schema: {
        tags: ["devices"],
        summary: "Create or update many devices, all or none",
        body: importBody,
        response: { 200: applyAnswer },
      },
    },
    async ({ raw, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const { registry } = options;
      const devices = body.devices.map((device) => ({ ...device, tenant }));
      if (!registry.importDevices && devices.some(({ token }) => token !== undefined)) {
        throw new MillraceError("INVALID_INPUT", "This registry cannot take tokens over.", {
          remedy: "Leave `token` out and rotate: POST /api/v1/devices/{id}/token.",
        });
      }
      const summary = registry.importDevices
        ? await registry.importDevices(devices, actor)
        : await registry.config.apply({ types: [], rules: [], devices }, actor);
      await settleConfiguration(options, reply);
      return summary;
    },
  );
}
