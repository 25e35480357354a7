import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../core/metrics.ts";

describe("metrics", () => {
  it("count up by one or more, and set gauges", () => {
    const metrics = createMetrics();
    const counter = metrics.counter("millrace_x_total", "Xs.");
    counter.add();
    counter.add(4);
    const gauge = metrics.gauge("millrace_y", "Ys.");
    gauge.set(7);
    gauge.set(-1.5);
    expect(metrics.snapshot()).toEqual([
      { name: "millrace_x_total", type: "counter", help: "Xs.", labels: {}, value: 5 },
      { name: "millrace_y", type: "gauge", help: "Ys.", labels: {}, value: -1.5 },
    ]);
  });

  it("are the same cell for the same name and labels, and another one for other labels", () => {
    const metrics = createMetrics();
    metrics.counter("millrace_x_total", "Xs.", { reason: "a" }).add();
    metrics.counter("millrace_x_total", "Xs.", { reason: "a" }).add();
    metrics.counter("millrace_x_total", "Xs.", { reason: "b" }).add();
    expect(metrics.snapshot().map(({ labels, value }) => [labels["reason"], value])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  });

  it("give snapshots that do not move, and registries that share nothing", () => {
    const metrics = createMetrics();
    const counter = metrics.counter("millrace_x_total", "Xs.");
    const before = metrics.snapshot();
    counter.add();
    expect(before[0]?.value).toBe(0);
    expect(createMetrics().snapshot()).toEqual([]);
  });
});
