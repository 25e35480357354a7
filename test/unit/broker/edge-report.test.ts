import { expect, test } from "vitest";
import { createEdgeReport } from "../../../broker/edge-report.ts";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";

test("counts every refusal but logs only some of a flood, and then says how many it left out", () => {
  const lines: string[] = [];
  const log = (_fields: object, text: string): void => void lines.push(text);
  const metrics = createMetrics();
  let now = 1000;
  const logger = { ...silentLogger, info: log, warn: log };
  const report = createEdgeReport({
    linesPerSecondMax: LIMITS.refusalLinesPerSecondMax,
    logger,
    metrics,
    nowMs: () => now,
  });
  for (let i = 0; i < 100; i++) report.refused("connect-expected", { remote: "1.2.3.4:5" });
  expect(lines).toHaveLength(20);
  now = 2000;
  report.refused("connect-expected", { remote: "1.2.3.4:5" });
  expect(lines.slice(20)).toEqual(["more connections were refused than are logged one by one", lines[0]]);
  const refused = metrics.snapshot().filter(({ name }) => name === "millrace_mqtt_refused_total");
  expect(refused).toMatchObject([{ labels: { reason: "connect-expected" }, value: 101 }]);
});
