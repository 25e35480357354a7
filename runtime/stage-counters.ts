import type { Metrics } from "../core/metrics.ts";

/** What a stage counts of itself while it runs. */
export function createStageCounters(metrics: Metrics, stage: string) {
  const restoresOf = (kind: "cold" | "warm") =>
    metrics.counter(
      "millrace_stage_restores_total",
      "Times a partition was claimed and restored: of all its journal (cold), or of what came since it was worked here (warm).",
      { stage, kind },
    );
  return {
    records: metrics.counter("millrace_stage_records_total", "Records that the stage has processed.", { stage }),
    restores: { cold: restoresOf("cold"), warm: restoresOf("warm") },
    warmBytes: metrics.gauge("millrace_stage_warm_bytes", "About what is kept of given up partitions.", { stage }),
  };
}
