import type { Counter, Gauge, Metrics } from "../core/metrics.ts";

export interface HubCounters {
  readonly clients: Gauge;
  readonly records: Counter;
  readonly unreadable: Counter;
  readonly frames: Counter;
  readonly conflated: Counter;
  readonly dropped: Counter;
  readonly refused: Counter;
  readonly badMessages: Counter;
}

export function createHubCounters(metrics: Metrics): HubCounters {
  return {
    clients: metrics.gauge("millrace_dashboard_clients", "Browsers connected to the live hub."),
    records: metrics.counter("millrace_dashboard_records_total", "Log records that the live hub took in."),
    unreadable: metrics.counter("millrace_dashboard_unreadable_total", "Records that the live hub could not read."),
    frames: metrics.counter("millrace_dashboard_frames_total", "Frames sent to browsers."),
    conflated: metrics.counter("millrace_dashboard_conflated_total", "Flushes held back because a browser was slow."),
    dropped: metrics.counter(
      "millrace_dashboard_dropped_clients_total",
      "Browsers dropped because they stayed too slow.",
    ),
    refused: metrics.counter("millrace_dashboard_refused_total", "WebSocket upgrades refused."),
    badMessages: metrics.counter("millrace_dashboard_bad_messages_total", "Browser messages refused."),
  };
}
