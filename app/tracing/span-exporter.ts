import { backOffMs } from "../../core/back-off.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { Span } from "../../core/tracing.ts";
import type { PostResult, PostSpans } from "./post-spans.ts";

type ExporterLimits = Pick<
  Limits,
  "traceQueueSpansMax" | "traceBatchSpansMax" | "traceLingerMs" | "traceRetryDelayMsMax" | "traceFlushMsMax"
>;

export interface SpanExporterOptions {
  readonly post: PostSpans;
  readonly encode: (spans: readonly Span[]) => string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: ExporterLimits;
}

const RETRY_DELAY_MS_MIN = 500;

/**
 * The way of a thread's spans to the collector: a queue with a ceiling, one request at a time. A collector that is away costs spans and nothing
 * else: what was queued is kept and tried again, what comes when the queue is full is dropped.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #limits: ExporterLimits;
  readonly #count: ReturnType<typeof createCounts>;
  readonly #stopping = new AbortController();
  readonly #flushed = new AbortController();
  #queue: Span[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #isAway = false;
  #isStopped = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
    this.#count = createCounts(options.metrics);
  }

  add(span: Span): void {
    if (this.#isStopped || this.#queue.length >= this.#limits.traceQueueSpansMax) {
      this.#count.dropped.add();
      return;
    }
    this.#queue.push(span);
    if (this.#sending !== null) return;
    if (this.#queue.length >= this.#limits.traceBatchSpansMax) this.#begin();
    else this.#timer ??= setTimeout(() => this.#begin(), this.#limits.traceLingerMs).unref();
  }

  /** Sends what waits, as far as the deadline and `traceFlushMsMax` let it; the rest is dropped. Spans that come later are too. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const end = (): void => this.#flushed.abort();
    const timer = setTimeout(end, this.#limits.traceFlushMsMax);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    while (!this.#flushed.signal.aborted && (this.#queue.length > 0 || this.#sending !== null)) {
      if (this.#sending === null) this.#begin();
      await this.#sending;
      // One try each: nobody waits for a collector that is away.
      if (this.#isAway) break;
    }
    this.#isStopped = true;
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    this.#count.dropped.add(this.#queue.length);
    this.#queue = [];
  }

  #begin(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#sending !== null) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  /** All that waits; what comes meanwhile gathers for the next request. */
  async #sendAll(): Promise<void> {
    for (let failures = 0; this.#queue.length > 0 && !this.#flushed.signal.aborted;) {
      const batch = this.#queue.slice(0, this.#limits.traceBatchSpansMax);
      const result = await this.#options.post(this.#options.encode(batch), this.#flushed.signal);
      this.#show(result);
      if (result.outcome !== "away") {
        failures = 0;
        this.#settle(batch.length, result);
        continue;
      }
      if (this.#stopping.signal.aborted) return;
      const delayMs = backOffMs(RETRY_DELAY_MS_MIN, this.#limits.traceRetryDelayMsMax, failures);
      failures += 1;
      await pause(Math.max(delayMs, result.retryAfterMs), this.#stopping.signal);
    }
  }

  #settle(spans: number, result: Exclude<PostResult, { outcome: "away" }>): void {
    this.#queue.splice(0, spans);
    const refused = result.outcome === "refused" ? spans : Math.min(spans, result.rejectedSpans);
    this.#count.refused.add(refused);
    this.#count.exported.add(spans - refused);
  }

  /** Once for each outage, and once when it is over. */
  #show(result: PostResult): void {
    const { logger } = this.#options;
    const wasAway = this.#isAway;
    this.#isAway = result.outcome !== "taken";
    if (result.outcome === "taken") {
      if (wasAway) logger.info({}, "the collector of traces takes spans again");
    } else if (!wasAway) {
      logger.warn({ cause: result.why }, "spans do not reach the collector of traces; telemetry is not affected");
    }
  }
}

function createCounts(metrics: Metrics) {
  const count = (outcome: "exported" | "refused" | "dropped") =>
    metrics.counter(
      "millrace_trace_spans_total",
      "Spans of sampled messages: exported, refused by the collector, or dropped because it was away for too long.",
      { outcome },
    );
  return { exported: count("exported"), refused: count("refused"), dropped: count("dropped") };
}
