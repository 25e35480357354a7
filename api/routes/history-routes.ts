import { aggregateSchema } from "../../core/derived-records.ts";
import { MillraceError } from "../../core/errors.ts";
import type { HistoryQueries } from "../../core/history.ts";
import { LIMITS } from "../../core/limits.ts";
import { latestAnswer, listOf, readingsAnswer, seriesAnswer } from "../answer-shapes.ts";
import type { ApiOptions } from "../api-options.ts";
import { aggregatesQuery, idParams, latestQuery, readingsQuery, seriesQuery } from "../query-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";
import { knownDevice } from "./device-routes.ts";

const QUERY_RANGE_MS_DEFAULT = 3_600_000;

const tags = ["history"];

/** Bounded questions to the tables. */
export function historyRoutes(app: ZodApp, context: RouteContext): void {
  valueRoutes(app, context);
  windowRoutes(app, context);
}

function valueRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/latest",
    {
      schema: {
        tags,
        summary: "Last value of every metric",
        querystring: latestQuery,
        response: { 200: latestAnswer },
      },
    },
    async ({ raw, query }) => {
      const { tenant } = gate.principalOf(raw);
      const history = historyOf(options);
      return {
        items: await (query.device === undefined ? history.latest(tenant) : history.latest(tenant, query.device)),
      };
    },
  );
  app.get(
    "/devices/:id/series",
    {
      schema: {
        tags,
        summary: "One metric over time",
        params: idParams,
        querystring: seriesQuery,
        response: { 200: seriesAnswer },
      },
    },
    async ({ raw, params, query: { metric, points, ...range } }) => {
      const { tenant, id: device } = await knownDevice(options, gate.principalOf(raw).tenant, params.id);
      return historyOf(options).series({
        tenant,
        device,
        metric,
        ...boundedRangeOf(range, options),
        pointsMax: points,
      });
    },
  );
  app.get(
    "/devices/:id/readings",
    {
      schema: {
        tags,
        summary: "Readings, newest first",
        params: idParams,
        querystring: readingsQuery,
        response: { 200: readingsAnswer },
      },
    },
    async ({ raw, params, query: { limit, ...range } }) => {
      const { tenant, id: device } = await knownDevice(options, gate.principalOf(raw).tenant, params.id);
      return { items: await historyOf(options).readings({ tenant, device, ...rangeOf(range, options), limit }) };
    },
  );
}

function windowRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/devices/:id/aggregates",
    {
      schema: {
        tags,
        summary: "Windows, newest first",
        params: idParams,
        querystring: aggregatesQuery,
        response: { 200: listOf(aggregateSchema) },
      },
    },
    async ({ raw, params, query: { metric, size, limit, ...range } }) => {
      const { tenant, id: device } = await knownDevice(options, gate.principalOf(raw).tenant, params.id);
      const question = { tenant, device, sizeMs: size, ...rangeOf(range, options), limit };
      const history = historyOf(options);
      return { items: await history.aggregates(metric === undefined ? question : { ...question, metric }) };
    },
  );
}

function historyOf(options: ApiOptions): HistoryQueries {
  if (options.history) return options.history;
  throw new MillraceError("SINK_UNAVAILABLE", "Nothing stores readings: Millrace was started without ClickHouse.", {
    remedy: "Start it without --no-clickhouse; the tables fill again from the log.",
  });
}

/** There is nothing before `eventTimeMin`: older times are quarantined. */
function rangeOf(range: { from?: number; to?: number }, { clock }: ApiOptions): { from: number; to: number } {
  const to = range.to ?? clock.now();
  const from = Math.max(LIMITS.eventTimeMin, range.from ?? to - QUERY_RANGE_MS_DEFAULT);
  if (from < to) return { from, to };
  throw new MillraceError("INVALID_INPUT", `\`from\` (${from}) must be before \`to\` (${to}).`);
}

/** For questions whose cost grows with the range. Lists are bounded by their limit. */
function boundedRangeOf(range: { from?: number; to?: number }, options: ApiOptions): { from: number; to: number } {
  const bounded = rangeOf(range, options);
  if (bounded.to - bounded.from <= LIMITS.queryRangeMsMax) return bounded;
  throw new MillraceError("INVALID_INPUT", `The range may span ${LIMITS.queryRangeMsMax} ms.`, {
    remedy: "Ask in parts.",
  });
}
