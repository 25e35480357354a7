import { performance } from "node:perf_hooks";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { Tracer } from "../../core/tracing.ts";
import type { TracingTarget } from "./tracing-settings.ts";

export interface TracingParts {
  /** The receive clock of the thread. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Traces of one thread. */
export interface Tracing {
  /** Absent where traces are switched off. */
  readonly tracer?: Tracer;
  /** Sends what waits. */
  stop(signal: AbortSignal): Promise<void>;
}

const SWITCHED_OFF: Tracing = { stop: () => Promise.resolve() };

/** `thread`: its name in spans. What sends them is loaded only where traces are switched on: threads start without it. */
export async function openTracing(target: TracingTarget | null, thread: string, parts: TracingParts): Promise<Tracing> {
  if (target === null) return SWITCHED_OFF;
  const [{ anchoredClock }, { createPostSpans }, { encodeSpans }, { SpanExporter }] = await Promise.all([
    import("./anchored-clock.ts"),
    import("./post-spans.ts"),
    import("./otlp-json.ts"),
    import("./span-exporter.ts"),
  ]);
  const { clock, logger, metrics } = parts;
  const resource = { ...target.resource, "millrace.thread": thread };
  const exporter = new SpanExporter({
    post: createPostSpans(target),
    encode: (spans) => encodeSpans(spans, resource),
    logger,
    metrics,
  });
  const precise = anchoredClock(clock, () => performance.now());
  return {
    tracer: { now: () => precise.now(), ended: (span) => exporter.add(span) },
    stop: (signal) => exporter.stop(signal),
  };
}
