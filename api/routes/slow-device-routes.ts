import { slowDeviceSchema } from "../../core/slow-devices.ts";
import { listOf } from "../answer-shapes.ts";
import { slowDevicesQuery } from "../query-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

/** Not below `/devices`: a device may be called `slow`. */
export function slowDeviceRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/slow-devices",
    {
      schema: {
        tags: ["devices"],
        summary: "Devices that have fallen silent, report late, or whose messages do not count; the worst first",
        querystring: slowDevicesQuery,
        response: { 200: listOf(slowDeviceSchema) },
      },
    },
    async ({ raw, query }) => {
      const { tenant } = gate.principalOf(raw);
      return { items: [...(await options.slowDevices({ tenant, ...query }))] };
    },
  );
}
