import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EDGE_LIMITS } from "../core/edge-limits.ts";
import { edgeLimitSignsRule } from "./tidy/edge-limit-signs-rule.ts";
import { readTree, sourceFile } from "./tidy/source-tree.ts";

const ROOT = join(import.meta.dirname, "..");
const METRICS = readFileSync(join(ROOT, "docs/metrics.md"), "utf8");
const NAMES = Object.keys(EDGE_LIMITS);

const rule = (test: string, names: readonly string[], metrics = METRICS): readonly string[] =>
  edgeLimitSignsRule([sourceFile("docs/metrics.md", metrics), sourceFile(test, `// ${names.join(" ")}`)]);

describe("of every ceiling of the gateway a metric tells, and a test breaches it", () => {
  test("in this tree", () => {
    expect(edgeLimitSignsRule(readTree(ROOT))).toEqual([]);
  });

  test("and nothing is amiss where tests name all of them", () => {
    expect(rule("test/integration/a.test.ts", NAMES)).toEqual([]);
  });

  test("and a ceiling that no test of the edge names is caught", () => {
    const others = NAMES.filter((name) => name !== "connectionsMax");
    const text = "core/edge-limits.ts: no test of the edge breaches connectionsMax";
    expect(rule("test/integration/a.test.ts", others)).toEqual([text]);
    expect(rule("test/unit/core/a.test.ts", NAMES)).toContain(text);
  });

  test("and a metric that does not exist is caught", () => {
    const renamed = METRICS.replace("millrace_mqtt_behind_total", "millrace_behind_total");
    expect(rule("test/integration/a.test.ts", NAMES, renamed)).toContain(
      "docs/metrics.md: millrace_mqtt_behind_total, which tells of unacknowledgedPerConnectionMax, does not exist",
    );
  });
});
