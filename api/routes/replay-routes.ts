import { MillraceError } from "../../core/errors.ts";
import { replayStatusSchema } from "../../core/replay.ts";
import { replayBody } from "../body-shapes.ts";
import { functionParams } from "../query-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["functions"];

/** Recomputes what a function made of the past: one at a time, beside everything live. */
export function replayRoutes(app: ZodApp, { options }: RouteContext): void {
  app.post(
    "/functions/:name/replay",
    {
      schema: {
        tags,
        summary: "Recompute a function over a range of event time, and correct what is stored",
        params: functionParams,
        body: replayBody,
        response: { 202: replayStatusSchema },
      },
    },
    async ({ params: { name }, body: { version = null, dryRun = false, from, to } }, reply) => {
      const status = await options.replays.start({ function: name, version, from, to, dryRun });
      return reply.code(202).send(status);
    },
  );
  app.get(
    "/replay",
    {
      schema: { tags, summary: "How the replay stands that runs, or ran last", response: { 200: replayStatusSchema } },
    },
    async () => {
      const status = await options.replays.status();
      if (status !== null) return status;
      throw new MillraceError("NOT_FOUND", "there was no replay since this instance was started", {
        remedy: "Begin one with millrace replay FUNCTION --from 2026-01-31T12:00:00Z.",
      });
    },
  );
  app.delete(
    "/replay",
    {
      schema: {
        tags,
        summary: "End the replay that runs; what it has corrected stays",
        response: { 200: replayStatusSchema },
      },
    },
    () => options.replays.cancel(),
  );
}
