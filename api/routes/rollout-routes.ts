import { noCanaryCounts } from "../../core/canary.ts";
import { versionComparisonSchema } from "../../core/version-comparison.ts";
import { functionVersionAnswer, listOf, rolloutAnswer } from "../answer-shapes.ts";
import { compareBody, shadowBody } from "../body-shapes.ts";
import { functionParams } from "../query-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

const tags = ["functions"];

/** Canaries of users' functions. */
export function rolloutRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/functions/rollouts",
    {
      schema: {
        tags,
        summary: "The last canary of each function: how far it is, or how it ended",
        response: { 200: listOf(rolloutAnswer) },
      },
    },
    async () => {
      const counts = await options.canaryCounts();
      const all = await options.registry.rollouts.all();
      const countsOf = (name: string, version: number) => counts.get(`${name}@${version}`) ?? noCanaryCounts();
      return {
        items: all.map(({ shares, ...one }) => {
          return { ...one, shares: [...shares], counts: countsOf(one.name, one.version) };
        }),
      };
    },
  );
  app.post(
    "/functions/:name/promote",
    {
      schema: {
        tags,
        summary: "Make a canary the live version now",
        params: functionParams,
        response: { 200: functionVersionAnswer.pick({ name: true, version: true }) },
      },
    },
    async ({ raw, params: { name } }, reply) => {
      const version = await options.registry.rollouts.promote(name, gate.principalOf(raw).id);
      await settleConfiguration(options, reply);
      return { name, version };
    },
  );
}

/** What versions would have made of the last minutes. */
export function comparisonRoutes(app: ZodApp, { options }: RouteContext): void {
  app.post(
    "/functions/shadow",
    {
      schema: {
        tags,
        summary:
          "What the code would have made of the last minutes, against the versions that are live; changes nothing",
        body: shadowBody,
        response: { 200: listOf(versionComparisonSchema) },
      },
    },
    async ({ body: { code, lastMs } }) => {
      const names = (await options.outlineFunctions(code)).map(({ name }) => name);
      return { items: [...(await options.shadow.ofCode(code, names, lastMs))] };
    },
  );
  app.post(
    "/functions/:name/compare",
    {
      schema: {
        tags,
        summary: "What two versions would have made of the last minutes; changes nothing",
        params: functionParams,
        body: compareBody,
        response: { 200: versionComparisonSchema },
      },
    },
    async ({ params: { name }, body: { before = null, after = null, lastMs } }) =>
      options.shadow.ofVersions(name, before, after, lastMs),
  );
}
