import type { Metrics } from "../../core/metrics.ts";

/** What operators see of a relay. */
export interface RelayMeters {
  relayed(messages: number, bytes: number): void;
  skipped(records: number): void;
  lost(records: number): void;
  /** Records that are in the partition and not relayed; null when it is not this process's any more, or nobody can say. */
  waiting(partition: number, records: number | null): void;
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
  const waiting = metrics.gauge(
    "millrace_relay_waiting_records",
    "Records of the topic that wait to be relayed, in the partitions that this process has.",
  );
  const counts = new Map<number, number>();
  return {
    relayed(count, size) {
      messages.add(count);
      bytes.add(size);
    },
    skipped: (records) => skipped.add(records),
    lost: (records) => lost.add(records),
    waiting(partition, records) {
      if (records === null) counts.delete(partition);
      else counts.set(partition, records);
      waiting.set([...counts.values()].reduce((sum, count) => sum + count, 0));
    },
  };
}
