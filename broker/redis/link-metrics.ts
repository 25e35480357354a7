import type { Metrics } from "../../core/metrics.ts";

/** What is counted of the traffic with other gateways. */
export interface LinkMetrics {
  up(value: 0 | 1): void;
  gateways(count: number): void;
  sent(messages: number): void;
  received(messages: number): void;
  lost(messages: number): void;
  malformed(): void;
  unheard(devices: number): void;
  late(): void;
}

export function linkMetrics(metrics: Metrics): LinkMetrics {
  const up = metrics.gauge("millrace_gateway_link_up", "1 while other gateways are reached through Redis, else 0.");
  const gateways = metrics.gauge("millrace_gateway_link_gateways", "Other gateways that were heard of lately.");
  const sent = metrics.counter(
    "millrace_gateway_link_sent_total",
    "Messages handed to Redis for subscribers at other gateways.",
  );
  const received = metrics.counter(
    "millrace_gateway_link_received_total",
    "Messages of other gateways, for subscribers here.",
  );
  const lost = metrics.counter(
    "millrace_gateway_link_lost_total",
    "Messages that may not have reached subscribers at other gateways: Redis was away, too slow, or the gateway had gone.",
  );
  const malformed = metrics.counter(
    "millrace_gateway_link_malformed_total",
    "What came through Redis and was none of the gateways' messages.",
  );
  const unheard = metrics.counter(
    "millrace_gateway_link_unheard_total",
    "Devices whose messages another gateway asked for and will not get: it asks for too many, or there are too many gateways.",
  );
  const late = metrics.counter(
    "millrace_gateway_link_late_total",
    "Times that other gateways did not acknowledge in time what they were told.",
  );
  up.set(0);
  return {
    up: (value) => up.set(value),
    gateways: (count) => gateways.set(count),
    sent: (messages) => sent.add(messages),
    received: (messages) => received.add(messages),
    lost: (messages) => lost.add(messages),
    malformed: () => malformed.add(),
    unheard: (devices) => unheard.add(devices),
    late: () => late.add(),
  };
}
