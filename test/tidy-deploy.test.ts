import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { configReference } from "../app/config.ts";
import { limitVariable } from "../app/edge-limit-settings.ts";
import { EDGE_LIMITS } from "../core/edge-limits.ts";
import { LIMITS } from "../core/limits.ts";
import { ROLES } from "../app/roles.ts";
import { metricsPage } from "../docs/write-metrics.ts";
import { readTree } from "./tidy/source-tree.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
/** What pods are told by values of their own, by Secrets, or not at all. */
const NOT_IN_CONFIG =
  /^MILLRACE_(ROLE|RELEASE|STANDBY|DATA|HOST|\w+_PORT|ALLOW_PLAINTEXT|TLS_\w+|PARTITIONS|CLICKHOUSE|\w+_SECRET|(DATABASE|REDIS|CLICKHOUSE)_URL|FORWARD_TOKEN\w*|TRACE_SAMPLE|KAFKA_(BROKERS|TLS\w*|SASL|USER|PASSWORD|TOKEN_FILE))$/;

const valuesSchema = z.object({
  properties: z.object({
    partitions: z.object({ maximum: z.number() }),
    config: z.object({ propertyNames: z.object({ enum: z.array(z.string()) }) }),
  }),
});

test("the chart takes every setting there is, and no other", () => {
  const { config, partitions } = valuesSchema.parse(
    JSON.parse(read("deploy/helm/millrace/values.schema.json")),
  ).properties;
  const settings = configReference().map(({ variable }) => variable);
  const expected = [...settings, ...Object.keys(EDGE_LIMITS).map(limitVariable)].filter(
    (variable) => !NOT_IN_CONFIG.test(variable),
  );
  expect(config.propertyNames.enum.toSorted()).toEqual(expected.toSorted());
  expect(partitions.maximum).toBe(LIMITS.partitionsMax);
});

test("the chart has a deployment for every role", () => {
  const list = ROLES.map((role) => `"${role}"`).join(" ");
  expect(read("deploy/helm/millrace/templates/deployments.yaml")).toContain(`list ${list}`);
});

test("a pod has longer than the process takes to stop", () => {
  const deadline = Number(/STOP_DEADLINE_MS = ([\d_]+)/.exec(read("app/commands/start.ts"))?.[1]?.replaceAll("_", ""));
  const grace = Number(
    /add \$v\.drainSeconds (\d+)/.exec(read("deploy/helm/millrace/templates/deployments.yaml"))?.[1],
  );
  expect(grace * 1000).toBeGreaterThan(deadline + 2000);
});

test.each(["deploy/monitoring/millrace.rules.yaml", "deploy/monitoring/dashboard.json"])(
  "%s asks for metrics that exist",
  (path) => {
    const known = metricsPage(readTree(ROOT));
    const names = [...read(path).matchAll(/\bmillrace_\w+/g)].map(([name]) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !known.includes(`\`${name}\``))).toEqual([]);
  },
);

test("every alert has a runbook that names chapters of the pages it points to", () => {
  const rules = z.object({
    groups: z.array(
      z.object({ rules: z.array(z.object({ alert: z.string(), annotations: z.object({ runbook: z.string() }) })) }),
    ),
  });
  for (const { alert, annotations } of rules
    .parse(parse(read("deploy/monitoring/millrace.rules.yaml")))
    .groups.flatMap((group) => group.rules)) {
    const [, page = "docs/none.md"] = /(docs\/[\w-]+\.md)/.exec(annotations.runbook) ?? [];
    const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
    const chapters = [...annotations.runbook.matchAll(/"([^"]+)"/g)].map(([, chapter = ""]) => chapter);
    expect(chapters.length, alert).toBeGreaterThan(0);
    for (const chapter of chapters) expect(headings.join("\n"), alert).toContain(chapter);
  }
});

test.each(["deploy/edge/millrace-edge.service", "deploy/edge/compose.yaml"])(
  "%s sets what there is, and takes little memory",
  (path) => {
    const settings = configReference().map(({ variable }) => variable);
    const named = [...read(path).matchAll(/\bMILLRACE_\w+(?==|:)/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((name) => !settings.includes(name))).toEqual([]);
    expect(read(path)).toMatch(/MILLRACE_FOOTPRINT(=|: )small/);
  },
);

test("the unit for an edge lets V8 compile, gives it time to stop, and slows down before it ends", () => {
  const unit = read("deploy/edge/millrace-edge.service");
  const setting = (name: string): string => new RegExp(`^${name}=(.+)$`, "m").exec(unit)?.[1] ?? "";
  const deadline = Number(/STOP_DEADLINE_MS = ([\d_]+)/.exec(read("app/commands/start.ts"))?.[1]?.replaceAll("_", ""));
  expect(Number(setting("TimeoutStopSec")) * 1000).toBeGreaterThan(deadline + 2000);
  expect(Number.parseInt(setting("MemoryHigh"), 10)).toBeLessThan(Number.parseInt(setting("MemoryMax"), 10));
  expect(setting("MemoryDenyWriteExecute")).toBe("");
  expect(setting("Restart")).toBe("always");
});
