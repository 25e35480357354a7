import type { Metrics } from "../../core/metrics.ts";

/** Counts what sessions do not get of what was for them. */
export interface QueueCounters {
  expired(messages: number): void;
  discarded(messages: number): void;
}

export function queueCounters(metrics: Metrics): QueueCounters {
  const expired = metrics.counter(
    "millrace_mqtt_deliveries_expired_total",
    "Messages that had waited too long for a session's client to come back.",
  );
  const discarded = metrics.counter(
    "millrace_session_discarded_total",
    "Messages that a session did not get because its queue, or the store, was full.",
  );
  return {
    expired: (messages) => expired.add(messages),
    discarded: (messages) => discarded.add(messages),
  };
}
