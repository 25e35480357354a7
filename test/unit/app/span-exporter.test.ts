import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { SpanExporter } from "../../../app/tracing/span-exporter.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { silentLogger } from "../../../core/logger.ts";
import { SPAN_KIND, type Span } from "../../../core/tracing.ts";
import type { PostResult } from "../../../app/tracing/post-spans.ts";

const LIMITS = {
  traceQueueSpansMax: 8,
  traceBatchSpansMax: 3,
  traceLingerMs: 5,
  traceRetryDelayMsMax: 20,
  traceFlushMsMax: 300,
};
const TAKEN: PostResult = { outcome: "taken", rejectedSpans: 0 };
const AWAY: PostResult = { outcome: "away", why: "nobody is there", retryAfterMs: 0 };

function spanOf(n: number): Span {
  const ids = { traceId: "1".repeat(32), spanId: "2".repeat(16), parentSpanId: null };
  return { ...ids, name: String(n), kind: SPAN_KIND.internal, startMs: n, endMs: n, attributes: {} };
}

function bench(answer: (request: number) => PostResult | Promise<PostResult>) {
  const metrics = createMetrics();
  const sent: string[] = [];
  const logged: string[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const log = (_: object, text: string): void => void logged.push(text);
  const exporter = new SpanExporter({
    async post(body, signal) {
      mostUnderWay = Math.max(mostUnderWay, ++underWay);
      sent.push(body);
      const aborted = new Promise<PostResult>((resolve) => signal.addEventListener("abort", () => resolve(AWAY)));
      const result = await Promise.race([answer(sent.length), aborted]);
      underWay -= 1;
      return result;
    },
    encode: (spans) => spans.map(({ name }) => name).join(" "),
    logger: { ...silentLogger, info: log, warn: log },
    metrics,
    limits: LIMITS,
  });
  const count = (outcome: string): number =>
    metrics.snapshot().find(({ labels }) => labels["outcome"] === outcome)?.value ?? Number.NaN;
  const add = (from: number, to: number): void => {
    for (let n = from; n < to; n += 1) exporter.add(spanOf(n));
  };
  return { exporter, sent, logged, add, count, mostUnderWay: () => mostUnderWay };
}

describe("spans on their way to the collector", () => {
  it("go in batches, one request at a time, all of them", async () => {
    const { add, sent, count, mostUnderWay } = bench(() => sleep(2, TAKEN));
    add(0, 7);
    await vi.waitFor(() => expect(count("exported")).toBe(7));
    add(7, 8);
    await vi.waitFor(() => expect(count("exported")).toBe(8));
    expect(sent).toEqual(["0 1 2", "3 4 5", "6", "7"]);
    expect(mostUnderWay()).toBe(1);
    expect([count("dropped"), count("refused")]).toEqual([0, 0]);
  });

  it("wait for a collector that is away up to the ceiling; the newest beyond it are dropped and counted", async () => {
    let isAway = true;
    const { add, sent, logged, count } = bench(() => (isAway ? AWAY : TAKEN));
    add(0, 20);
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(1));
    expect(count("dropped")).toBe(12);
    isAway = false;
    await vi.waitFor(() => expect(count("exported")).toBe(8));
    expect(sent.slice(-3)).toEqual(["0 1 2", "3 4 5", "6 7"]);
    // An outage is one line, however often it was tried; its end is another.
    expect(logged).toEqual([
      "spans do not reach the collector of traces; telemetry is not affected",
      "the collector of traces takes spans again",
    ]);
  });

  it("are not sent again when the collector refuses them, all or some", async () => {
    const results: readonly PostResult[] = [
      { outcome: "refused", why: "the collector answered 400" },
      { outcome: "taken", rejectedSpans: 2 },
    ];
    const { add, sent, count } = bench((request) => results[request - 1] ?? TAKEN);
    add(0, 7);
    await vi.waitFor(() => expect(count("exported")).toBe(2));
    expect(sent).toEqual(["0 1 2", "3 4 5", "6"]);
    expect(count("refused")).toBe(5);
  });

  it("leave with the end of the thread", async () => {
    const { exporter, add, sent, count } = bench(() => TAKEN);
    add(0, 2);
    await exporter.stop(AbortSignal.timeout(1000));
    expect(sent).toEqual(["0 1"]);
    add(2, 4);
    expect([count("exported"), count("dropped")]).toEqual([2, 2]);
  });

  it.each([
    ["that is away", () => AWAY, 2000],
    ["that never answers", () => new Promise<PostResult>(() => undefined), 2000],
    ["that never answers, sooner when the stop's signal says so", () => new Promise<PostResult>(() => undefined), 10],
  ])("hold up no stop for a collector %s", async (_, answer, deadlineMs) => {
    const { exporter, add, count } = bench(answer);
    add(0, 8);
    await exporter.stop(AbortSignal.timeout(deadlineMs));
    expect([count("exported"), count("dropped")]).toEqual([0, 8]);
  });
});
