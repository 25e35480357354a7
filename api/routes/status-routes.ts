import { LIMITS } from "../../core/limits.ts";
import {
  auditAnswer,
  auditReportAnswer,
  ledgerAnswer,
  notificationCountsAnswer,
  overviewAnswer,
  pageOf,
  partitionsAnswer,
} from "../answer-shapes.ts";
import { pageQuery } from "../query-shapes.ts";
import type { RouteContext, ZodApp } from "../route-context.ts";

const tags = ["status"];

/** How the installation does. */
export function statusRoutes(app: ZodApp, { options }: RouteContext): void {
  app.get("/overview", { schema: { tags, summary: "The first page", response: { 200: overviewAnswer } } }, async () =>
    options.overview(),
  );
  app.get(
    "/ledger",
    { schema: { tags, summary: "Where every message went", response: { 200: ledgerAnswer } } },
    async () => options.ledger(),
  );
  app.get(
    "/partitions",
    { schema: { tags, summary: "Who works on which partition, and how far", response: { 200: partitionsAnswer } } },
    async () => options.partitions(),
  );
  app.get(
    "/audit",
    {
      schema: { tags, summary: "Prove the ledger from the log and the tables", response: { 200: auditReportAnswer } },
      // It reads the whole log.
      handlerTimeout: LIMITS.auditTimeoutMs,
    },
    async () => options.audit(),
  );
  app.get(
    "/audit-log",
    {
      schema: {
        tags,
        summary: "Who changed what, newest first",
        querystring: pageQuery,
        response: { 200: pageOf(auditAnswer) },
      },
    },
    async ({ query }) => options.registry.audit.list(query),
  );
  app.get(
    "/notifications",
    { schema: { tags, summary: "Notifications by state", response: { 200: notificationCountsAnswer } } },
    async () => options.registry.notifications.counts(),
  );
}
