import type { Clock } from "../../core/clock.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { ForwardRound } from "./plan-round.ts";

/** What operators see of the forwarder. */
export interface ForwardMeters {
  planned(round: Pick<ForwardRound, "refused" | "tooLarge" | "corrupt">): void;
  forwarded(messages: number, bytes: number): void;
  dropped(messages: number): void;
  /** `oldest`: receive time of the oldest message that waits, UTC ms; null when none does. */
  waiting(records: number, oldest: number | null): void;
}

export function createForwardMeters(metrics: Metrics, clock: Clock): ForwardMeters {
  const forwarded = metrics.counter(
    "millrace_forward_messages_total",
    "Messages that the installation upstream has acknowledged as durable.",
  );
  const bytes = metrics.counter("millrace_forward_bytes_total", "Bytes of the envelopes that they went in.");
  const dropped = metrics.counter(
    "millrace_forward_dropped_total",
    "Messages that retention deleted before they were forwarded (MILLRACE_FORWARD_WHEN_FULL=drop-oldest).",
  );
  const refused = metrics.counter("millrace_forward_skipped_total", "Messages that are not forwarded.", {
    reason: "refused",
  });
  const tooLarge = metrics.counter("millrace_forward_skipped_total", "Messages that are not forwarded.", {
    reason: "too-large",
  });
  const corrupt = metrics.counter("millrace_forward_skipped_total", "Messages that are not forwarded.", {
    reason: "corrupt",
  });
  const waiting = metrics.gauge(
    "millrace_forward_waiting_records",
    "Records of telemetry that wait to be forwarded, control records among them.",
  );
  const age = metrics.gauge(
    "millrace_forward_oldest_waiting_seconds",
    "How long the oldest message that is to be sent next has waited.",
  );
  return {
    planned(round) {
      refused.add(round.refused);
      tooLarge.add(round.tooLarge);
      corrupt.add(round.corrupt);
    },
    forwarded(messages, size) {
      forwarded.add(messages);
      bytes.add(size);
    },
    dropped: (messages) => dropped.add(messages),
    waiting(records, oldest) {
      waiting.set(records);
      age.set(oldest === null ? 0 : Math.max(0, clock.now() - oldest) / 1000);
    },
  };
}
