import { figureOf } from "../../bench/scaling/figure.ts";
import type { Costs } from "../../bench/scaling/measured-costs.ts";

/** Round figures, a fifth less and more of them: what the model makes of them can be worked out by hand. */
export function scalingCosts(changed: Partial<Costs> = {}): Costs {
  const of = (value: number) => figureOf("test", [value * 0.8, value, value * 1.2]);
  const MICRO = 1e-6;
  return {
    gatewayMessage: of(20 * MICRO),
    connect: of(100 * MICRO),
    connectTls: of(500 * MICRO),
    connectTlsResumed: of(400 * MICRO),
    connectionBytes: of(16_000),
    stageMessage: of(40 * MICRO),
    functionMessage: of(10 * MICRO),
    outputs: of(2),
    sinkRow: of(2 * MICRO),
    clickhouseRow: of(3 * MICRO),
    hubMessage: of(4 * MICRO),
    question: of(0.02),
    rowBytes: of(5),
    telemetryBytes: 400,
    outputBytes: of(500),
    journalBytes: of(1000),
    growth: { exponent: 0, devices: 100_000 },
    ...changed,
  };
}
