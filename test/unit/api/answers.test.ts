import { describe, expect, it } from "vitest";
import { internalProblem, isPassing, makeProblem, PROBLEMS } from "../../../core/problem.ts";
import { prometheusText } from "../../../api/prometheus-text.ts";
import { ERROR_CODES } from "../../../core/errors.ts";
import type { MetricSample } from "../../../core/metrics.ts";

const sample: MetricSample = { name: "millrace_a_total", type: "counter", help: "As.", labels: {}, value: 1 };

describe("a problem", () => {
  it("has an HTTP error status and a title for every error code", () => {
    expect(Object.keys(PROBLEMS).toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted());
    for (const [status, title] of Object.values(PROBLEMS)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title).not.toBe("");
    }
  });

  it("names its type, code and remedy", () => {
    expect(makeProblem("NOT_FOUND", "There is no device.", { remedy: "Look again." })).toEqual({
      type: "urn:millrace:problem:not-found",
      title: "There is no such thing",
      status: 404,
      code: "NOT_FOUND",
      detail: "There is no device.",
      remedy: "Look again.",
    });
    expect(isPassing("REGISTRY_IO")).toBe(true);
    expect(isPassing("NOT_FOUND")).toBe(false);
  });

  it("is cut when its text is long, and says nothing of a defect but where to look", () => {
    expect(makeProblem("INVALID_INPUT", "x".repeat(10_000)).detail.length).toBeLessThan(400);
    expect(internalProblem("req-7").detail).toContain("req-7");
  });
});

describe("the metrics text", () => {
  it("holds each family together under one head, in order of names", () => {
    const samples: MetricSample[] = [
      { ...sample, name: "millrace_z", type: "gauge", help: "Zs.", value: 2.5 },
      { ...sample, labels: { topic: "b" } },
      { ...sample, name: "millrace_z", type: "gauge", help: "Zs.", labels: { x: "1", a: "2" }, value: -1 },
      { ...sample, labels: { topic: "a" }, value: 3 },
    ];
    expect(prometheusText(samples).split("\n")).toEqual([
      "# HELP millrace_a_total As.",
      "# TYPE millrace_a_total counter",
      'millrace_a_total{topic="b"} 1',
      'millrace_a_total{topic="a"} 3',
      "# HELP millrace_z Zs.",
      "# TYPE millrace_z gauge",
      "millrace_z 2.5",
      'millrace_z{a="2",x="1"} -1',
      "",
    ]);
  });

  it("has each series once: counters of several threads are added, of gauges the last stands", () => {
    const gauge: MetricSample = { ...sample, name: "millrace_g", type: "gauge" };
    const text = prometheusText([sample, { ...sample, value: 4 }, gauge, { ...gauge, value: 9 }]);
    expect(text).toContain("millrace_a_total 5\n");
    expect(text).toContain("millrace_g 9\n");
  });

  it("escapes what a label or a help text must not hold, and writes special numbers as Prometheus does", () => {
    const odd = { ...sample, help: "a\\b\nc", labels: { x: 'q"\\\n' }, value: Number.POSITIVE_INFINITY };
    expect(prometheusText([odd])).toBe(
      '# HELP millrace_a_total a\\\\b\\nc\n# TYPE millrace_a_total counter\nmillrace_a_total{x="q\\"\\\\\\n"} +Inf\n',
    );
    expect(prometheusText([{ ...sample, value: Number.NaN }])).toContain(" NaN\n");
  });

  it("is empty without samples", () => {
    expect(prometheusText([])).toBe("");
  });
});
