import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../core/metrics.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { createFunctionMeter } from "../../../runtime/function-meter.ts";
import { countingStage, T0 } from "../../support/counting-stage.ts";
import { logRecord } from "../../support/log-records.ts";

function metered() {
  const metrics = createMetrics();
  let now = 0;
  const meter = createFunctionMeter({ stage: "main", cpu: { now: () => now }, monotonic: { now: () => now }, metrics });
  const value = (name: string, fn: string): number => {
    const sample = metrics
      .snapshot()
      .find((one) => one.name === `millrace_function_${name}` && one.labels["function"] === fn);
    return sample?.value ?? 0;
  };
  const timed = (fn: string) => {
    const own = metrics.snapshot().filter(({ name }) => name === "millrace_function_timed_calls_total");
    const classes = own.filter(({ labels }) => labels["function"] === fn);
    return Object.fromEntries(classes.map(({ labels, value: calls }) => [labels["le"], calls]));
  };
  return { meter, value, timed, pass: (ms: number) => void (now += ms) };
}

describe("the meter of functions", () => {
  it("counts calls, records and errors of each version", () => {
    const { meter, value } = metered();
    const state = createStagePartition({ stage: countingStage, partition: 0, generation: 0, meter });
    const message = (offset: number, x: number | string) =>
      logRecord({ offset, timestamp: T0 + offset * 20_000, key: "t/a", value: { ts: T0 + offset * 20_000, x } });
    for (const record of [message(0, 1), message(1, 2), message(2, "boom")]) expect(state.process(record)).toBe(true);
    expect(value("records_total", "parse")).toBe(3);
    expect(value("errors_total", "parse")).toBe(1);
    // A reading each, and the timers of the first two.
    expect(value("records_total", "counter")).toBe(3);
    expect(value("invocations_total", "counter")).toBeGreaterThan(3);
    expect(value("errors_total", "counter")).toBe(0);
  });

  it("gives each function its own time, and not that of those within", () => {
    const { meter, value, pass } = metered();
    for (let call = 0; call < 64; call += 1) {
      meter.begin("outer@1", true);
      pass(2);
      meter.begin("inner@1", true);
      pass(3);
      meter.end(false);
      pass(5);
      meter.end(false);
    }
    expect(value("cpu_seconds_total", "outer")).toBeCloseTo(64 * 0.007, 9);
    expect(value("cpu_seconds_total", "inner")).toBeCloseTo(64 * 0.003, 9);
  });

  it("counts measured calls by how long they took, and only those", () => {
    const { meter, timed, pass } = metered();
    for (let call = 0; call < 3 * 64; call += 1) {
      meter.begin("outer@1", true);
      pass(call === 0 ? 0.01 : call === 64 ? 3 : 9000);
      meter.end(false);
    }
    const classes = timed("outer");
    expect(["0.00001", "0.002", "0.005", "0.5", "+Inf"].map((le) => classes[le])).toEqual([1, 1, 2, 2, 3]);
  });

  it("tells what a function keeps, and that it keeps nothing any more", () => {
    const { meter, value } = metered();
    const state = createStagePartition({ stage: countingStage, partition: 0, generation: 0 });
    state.process(logRecord({ offset: 0, timestamp: T0, key: "t/a", value: { ts: T0, x: 1 } }));
    meter.stateBytes(state.bytesByFunction());
    const bytes = value("state_bytes", "counter");
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThan(state.bytes);
    meter.stateBytes(new Map());
    expect(value("state_bytes", "counter")).toBe(0);
  });
});
