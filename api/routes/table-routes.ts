import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { referenceTableSchema } from "../../core/reference-table.ts";
import { listOf } from "../answer-shapes.ts";
import { tableBody } from "../body-shapes.ts";
import { idParams } from "../query-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";
import { refuseOtherId } from "./rule-routes.ts";

/** Reference tables, which functions join readings with. */
export function tableRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  const tags = ["tables"];
  const registry = () => options.registry.config;
  app.get(
    "/tables",
    {
      schema: {
        tags,
        summary: "List reference tables",
        response: { 200: listOf(z.object({ id: z.string(), rows: z.int().describe("How many") })) },
      },
    },
    async ({ raw }) => {
      const tables = await registry().tables(gate.principalOf(raw).tenant);
      return { items: tables.map(({ id, rows }) => ({ id, rows: Object.keys(rows).length })) };
    },
  );
  app.get(
    "/tables/:id",
    { schema: { tags, summary: "A reference table", params: idParams, response: { 200: referenceTableSchema } } },
    async ({ raw, params: { id } }) => {
      const table = (await registry().tables(gate.principalOf(raw).tenant)).find((one) => one.id === id);
      if (table !== undefined) return table;
      throw new MillraceError("NOT_FOUND", `There is no reference table "${id}".`, {
        remedy: "GET /api/v1/tables lists them.",
      });
    },
  );
  app.put(
    "/tables/:id",
    {
      schema: {
        tags,
        summary: "Create or replace a reference table, whole",
        params: idParams,
        body: tableBody,
        response: { 200: referenceTableSchema },
      },
    },
    async ({ raw, params: { id }, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      refuseOtherId(id, body.id);
      const table = { ...body, tenant, id };
      await registry().apply({ types: [], rules: [], tables: [table], devices: [] }, actor);
      await settleConfiguration(options, reply);
      return table;
    },
  );
  app.delete(
    "/tables/:id",
    { schema: { tags, summary: "Remove a reference table", params: idParams, response: { 204: z.null() } } },
    async ({ raw, params: { id } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      await registry().removeTable(tenant, id, actor);
      await settleConfiguration(options, reply);
      return reply.code(204).send(null);
    },
  );
}
