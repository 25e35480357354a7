import type { Metrics } from "../../core/metrics.ts";

/** What operators see of a relay. */
export interface RelayMeters {
  relayed(messages: number, bytes: number): void;
  skipped(): void;
  lost(records: number): void;
}

export function createRelayMeters(metrics: Metrics): RelayMeters {
  const messages = metrics.counter(
    "millrace_relay_messages_total",
    "Messages of a topic that the installation upstream has acknowledged as durable.",
  );
  const bytes = metrics.counter("millrace_relay_bytes_total", "Bytes of the envelopes that they went in.");
  const skipped = metrics.counter(
    "millrace_relay_skipped_total",
    "Records that cannot be relayed and were written into a file instead (--skip-bad).",
  );
  const lost = metrics.counter(
    "millrace_relay_lost_total",
    "Records that the topic's retention deleted before they were relayed.",
  );
  return {
    relayed(count, size) {
      messages.add(count);
      bytes.add(size);
    },
    skipped: () => skipped.add(),
    lost: (records) => lost.add(records),
  };
}
