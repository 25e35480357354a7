import type { CircuitBreaker, CircuitState } from "./circuit-breaker.ts";
import type { ReportFault } from "./fault.ts";
import type { Metrics } from "./metrics.ts";

export interface BreakerReportOptions {
  readonly breaker: CircuitBreaker;
  /** Labels of the metric: the sink's folder, and which of its destinations. */
  readonly sink: string;
  readonly destination: string;
  readonly faultId: string;
  /** The fault is over: a sentence. */
  readonly over: string;
  readonly metrics: Metrics;
  readonly onFault: ReportFault;
}

/** Shows a breaker to operators. */
export interface BreakerReport {
  /** To be called when its state may have changed. */
  show(): void;
  /** It is open: `failure` is what does not work and why, without a full stop; `waiting` how much waits and of what, null when nobody can say now. */
  opened(failure: string, waiting: string | null): string;
  /** Nothing is sent there by this process any more. */
  end(): void;
}

const GAUGE_VALUE: Readonly<Record<CircuitState, number>> = { closed: 0, "half-open": 1, open: 2 };

export function createBreakerReport(options: BreakerReportOptions): BreakerReport {
  const { breaker, sink, destination, faultId, over, metrics, onFault } = options;
  const gauge = metrics.gauge(
    "millrace_sink_breaker_state",
    "Circuit breaker of a destination: 0 closed, 1 half-open (a probe is under way), 2 open (nothing is sent).",
    { sink, destination },
  );
  let isRaised = false;
  const show = (): void => {
    gauge.set(GAUGE_VALUE[breaker.state]);
    if (breaker.state !== "closed" || !isRaised) return;
    isRaised = false;
    onFault(faultId, "cleared", over);
  };
  show();
  return {
    show,
    opened(failure, waiting) {
      const since = timeText(breaker.failingSince);
      const text = `${failure}. So since ${since}. What comes waits and is not lost${waiting === null ? "" : ` (${waiting})`}; next try at ${timeText(breaker.triesAt)}.`;
      // It may have closed while the caller counted what waits.
      if (breaker.state === "closed") return text;
      isRaised = true;
      onFault(faultId, "raised", text);
      return text;
    },
    end: () => gauge.set(GAUGE_VALUE.closed),
  };
}

/** To the second: people compare it with their watch. */
function timeText(ms: number | null): string {
  return ms === null ? "now" : new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
