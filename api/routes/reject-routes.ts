import { deadLetterSchema } from "../../core/derived-records.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Rejects } from "../../core/rejects.ts";
import { listOf, quarantinedAnswer } from "../answer-shapes.ts";
import type { ApiOptions } from "../api-options.ts";
import { quarantineQuery, rejectsQuery } from "../query-shapes.ts";
import { receivedRange } from "../received-range.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["rejects"];

/** What did not become a reading, and what functions failed on. */
export function rejectRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/quarantine",
    {
      schema: {
        tags,
        summary: "Messages and values that could not become readings, newest first",
        querystring: quarantineQuery,
        response: { 200: listOf(quarantinedAnswer) },
      },
    },
    async ({ raw, query: { from, to, ...query } }) => {
      const { tenant } = gate.principalOf(raw);
      const range = receivedRange(from, to, options);
      return { items: await rejectsOf(options).quarantine({ tenant, ...query, ...range }) };
    },
  );
  app.get(
    "/dead-letters",
    {
      schema: {
        tags,
        summary: "Records on which a function failed, newest first",
        querystring: rejectsQuery,
        response: { 200: listOf(deadLetterSchema) },
      },
    },
    async ({ raw, query: { from, to, ...query } }) => {
      const { tenant } = gate.principalOf(raw);
      const range = receivedRange(from, to, options);
      return { items: await rejectsOf(options).deadLetters({ tenant, ...query, ...range }) };
    },
  );
}

function rejectsOf({ rejects }: ApiOptions): Rejects {
  if (rejects) return rejects;
  throw new MillraceError("SINK_UNAVAILABLE", "Nothing stores rejects: Millrace was started without ClickHouse.", {
    remedy: "Start it without --no-clickhouse; the tables fill again from the log.",
  });
}
