import { LIMITS } from "../core/limits.ts";
import { Breaker, type BreakerState } from "./breaker.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";

export interface StagePauseOptions {
  readonly stage: string;
  /** Monotonic milliseconds. */
  readonly monotonic: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The breaker of a stage, and what it says. */
export interface StagePause {
  /** How long to wait until the next record may be worked; 0 when it may be now. */
  waitMs(): number;
  settled(died: boolean): void;
  /** Ends the pause: what repairs the stage is on its way. */
  resume(): void;
  /** Why nothing is worked; null when something is. */
  readonly reason: string | null;
}

/** For a stage that goes on whatever becomes of its records. */
export const NO_PAUSE: StagePause = {
  waitMs: () => 0,
  settled: () => undefined,
  resume: () => undefined,
  reason: null,
};

export function createStagePause({ stage, monotonic, logger, metrics }: StagePauseOptions): StagePause {
  const breaker = new Breaker(
    {
      windowRecords: LIMITS.breakerWindowRecords,
      recordsMin: LIMITS.breakerRecordsMin,
      trialRecords: LIMITS.breakerTrialRecords,
      pauseMs: LIMITS.breakerPauseMsMin,
      pauseMsMax: LIMITS.breakerPauseMsMax,
    },
    monotonic,
  );
  const gauge = metrics.gauge("millrace_stage_paused", "1 while a stage is paused because most of its records die.", {
    stage,
  });
  gauge.set(0);
  let known: BreakerState = "closed";
  let reason: string | null = null;

  const tell = (): void => {
    const { state, recentDeaths } = breaker;
    if (state === known) return;
    known = state;
    if (state === "trying") return;
    gauge.set(state === "open" ? 1 : 0);
    reason = state === "open" ? pausedText(stage, recentDeaths) : null;
    if (reason === null) logger.info({ stage }, "the stage goes on");
    else logger.error({ stage, ...recentDeaths }, reason);
  };

  return {
    waitMs() {
      const waitMs = breaker.waitMs();
      tell();
      return waitMs;
    },
    settled(died) {
      breaker.settled(died);
      tell();
    },
    resume() {
      breaker.reset();
      tell();
    },
    get reason() {
      return reason;
    },
  };
}

function pausedText(stage: string, { died, of }: { readonly died: number; readonly of: number }): string {
  return `stage ${stage} is paused: ${died} of its last ${of} records became dead letters; see which with millrace dlq ls, and correct the function`;
}
