import type { Counter, Gauge, Metrics } from "../../core/metrics.ts";

/** What the writer of a log tells of it. */
export interface LogMeters {
  readonly commits: Counter;
  readonly records: Counter;
  readonly bytes: Gauge;
  readonly bytesMax: Gauge;
  readonly refusing: Gauge;
}

export function createLogMeters(metrics: Metrics): LogMeters {
  return {
    commits: metrics.counter("millrace_log_commits_total", "Durable group commits."),
    records: metrics.counter("millrace_log_records_total", "Records made durable."),
    bytesMax: metrics.gauge("millrace_log_bytes_max", "Bytes that the log may use before it deletes or refuses."),
    bytes: metrics.gauge("millrace_log_bytes", "Bytes in use in the log."),
    refusing: metrics.gauge("millrace_log_refusing", "1 while the log refuses appends."),
  };
}
