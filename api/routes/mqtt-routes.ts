import { z } from "zod";
import { deviceKey } from "../../core/ids.ts";
import { mqttAnswer } from "../answer-shapes.ts";
import { connectedBody } from "../body-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["mqtt"];

/** Where devices connect, and which do. */
export function mqttRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/mqtt",
    { schema: { tags, summary: "The port that devices connect to", response: { 200: mqttAnswer } } },
    async () => options.edge.status(),
  );
  app.post(
    "/mqtt/connected",
    {
      schema: {
        tags,
        // A question, and a POST because its list may be longer than a URL.
        summary: "Which of these devices are connected",
        body: connectedBody,
        response: { 200: z.object({ devices: z.array(z.string()) }) },
      },
    },
    async ({ raw, body }) => {
      const { tenant } = gate.principalOf(raw);
      const ids = new Map(body.devices.map((id) => [deviceKey(tenant, id), id]));
      const connected = await options.edge.connectedOf([...ids.keys()]);
      return { devices: connected.flatMap((key) => ids.get(key) ?? []) };
    },
  );
}
