import { LIMITS } from "../core/limits.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";

export interface ClockSkewOptions {
  readonly stage: string;
  /** The receive clock of this process. */
  readonly clock: Clock;
  /** Monotonic milliseconds. */
  readonly monotonic: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ClockSkew {
  /** Of the newest record of what was read. */
  look(receivedAt: number): void;
}

/**
 * Says when what is read was received later than it is here: another process's clock is ahead of this one's, or this one's is behind. It
 * decides nothing: results depend on the records alone, and wrong receive times are wrong whoever reads them. A clock that is behind shows where it
 * reads, one that is ahead where others do.
 */
export function createClockSkew({ stage, clock, monotonic, logger, metrics }: ClockSkewOptions): ClockSkew {
  const gauge = metrics.gauge(
    "millrace_clock_skew_seconds",
    "How far receive times of records lay ahead of this process's clock, at most in the last minutes; 0 while clocks agree.",
    { stage },
  );
  gauge.set(0);
  let worstMs = 0;
  let seenAt = -Infinity;
  return {
    look(receivedAt) {
      const aheadMs = receivedAt - clock.now();
      const now = monotonic.now();
      if (aheadMs > LIMITS.clockSkewMs) {
        seenAt = now;
        if (worstMs === 0) warn(aheadMs);
        if (aheadMs > worstMs) gauge.set(aheadMs / 1000);
        worstMs = Math.max(worstMs, aheadMs);
      } else if (worstMs > 0 && now - seenAt >= LIMITS.clockSkewSettleMs) {
        worstMs = 0;
        gauge.set(0);
        logger.info({ stage }, "receive times of records are not ahead of this process's clock any more");
      }
    },
  };

  function warn(aheadMs: number): void {
    const text =
      "records were received later than it is here: clocks of processes differ. Readings without a time of their own, silence and retention go by those clocks: see that NTP runs where this process and the gateways do (docs/kubernetes.md)";
    logger.warn({ stage, aheadSeconds: Math.round(aheadMs / 100) / 10 }, text);
  }
}
