import { EDGE_LIMIT_SIGNS } from "../../docs/edge-limit-signs.ts";
import type { TidyRule } from "./source-tree.ts";

const PAGE = "docs/metrics.md";
const TEST_OF_THE_EDGE = /^test\/(?:integration|unit\/broker|contract\/session-store)\/.+\.ts$/;
const METRIC = /millrace_\w+/g;
const LABEL = /="([^"]+)"/g;

/** Of each ceiling of the gateway: the metrics that tell of it exist, and a test of the edge names the ceiling or what the metrics call its breach. */
export const edgeLimitSignsRule: TidyRule = (files) => {
  const metrics = files.find(({ path }) => path === PAGE)?.text ?? "";
  const tests = files.filter(({ path }) => TEST_OF_THE_EDGE.test(path)).map(({ text }) => text);
  const isNamed = (word: string): boolean =>
    tests.some((text) => new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(text));
  return Object.entries(EDGE_LIMIT_SIGNS).flatMap(([ceiling, sign]) => {
    const missing = (sign.match(METRIC) ?? []).filter((name) => !metrics.includes(`\`${name}\``));
    const labels = [...sign.matchAll(LABEL)].map(([, label = ""]) => label);
    const isTested = !sign.startsWith("millrace_") || [ceiling, ...labels].some(isNamed);
    return [
      ...missing.map((name) => `${PAGE}: ${name}, which tells of ${ceiling}, does not exist`),
      ...(isTested ? [] : [`core/edge-limits.ts: no test of the edge breaches ${ceiling}`]),
    ];
  });
};
