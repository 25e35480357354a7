import type { Metrics } from "../../core/metrics.ts";

/** What is counted of a session store. */
export interface SessionStoreMetrics {
  kept(totals: { readonly sessions: number; readonly messages: number; readonly bytes: number }): void;
  failed(): void;
  damaged(values: number): void;
}

export function sessionStoreMetrics(metrics: Metrics): SessionStoreMetrics {
  const sessions = metrics.gauge("millrace_sessions_kept", "Sessions that are kept, connected or not.");
  const messages = metrics.gauge("millrace_session_queue_messages", "Messages in the queues of all sessions.");
  const bytes = metrics.gauge("millrace_session_queue_bytes", "Bytes of the payloads in the queues of all sessions.");
  const failed = metrics.counter(
    "millrace_session_store_failures_total",
    "Times that the store of the sessions could not be written or reached.",
  );
  const damaged = metrics.counter(
    "millrace_session_store_damaged_total",
    "Sessions and messages in the store that cannot be read; they are passed over.",
  );
  return {
    kept(totals) {
      sessions.set(totals.sessions);
      messages.set(totals.messages);
      bytes.set(totals.bytes);
    },
    failed: () => failed.add(),
    damaged: (values) => damaged.add(values),
  };
}
