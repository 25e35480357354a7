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
      const devices = body.devices.map((device) => ({ ...device, tenant }));
      const summary = await options.registry.importDevices(devices, actor);
      await settleConfiguration(options, reply);
      return summary;
    },
  );
}
