import { createBreakerReport } from "../../core/sink-breaker.ts";
import { CircuitBreaker } from "../../core/circuit-breaker.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { ForwardSinkOptions } from "./forward-options.ts";

export interface EnvelopeSender {
  /** Tries until the upstream has the envelope, as fast as its circuit breaker allows: true. False when `signal` aborts first. Rejects as `beforeAgain` does. */
  send(envelope: Buffer, signal: AbortSignal): Promise<boolean>;
  /** Null while the upstream takes what it is sent; else since when it does not, and why. */
  notReadyReason(): string | null;
  /** To be called when nothing is sent any more. */
  end(): void;
}

export type EnvelopeSenderOptions = Pick<ForwardSinkOptions, "link" | "clock" | "metrics" | "random"> & {
  readonly onFault: ReportFault;
  /** Labels of its circuit breaker's metric, where there are several. */
  readonly shownAs?: { readonly sink: string; readonly destination: string };
  /** What does not go on while the upstream is away: the beginning of a sentence. */
  readonly nothing?: () => string;
  /** How many records wait, null when nobody can say now. */
  readonly waiting: () => number | null;
  /** Called before what may have been sent already is sent again; what it rejects with ends the sending. */
  readonly beforeAgain?: () => Promise<void>;
  readonly limits?: Pick<Limits, "sinkFailuresMax" | "forwardRetryDelayMsMax">;
};

const PAUSE_MS_MIN = 1000;
/** The breaker's pauses are looked at again after this long: clocks may jump. */
const LOOK_MS = 1000;

export function createEnvelopeSender(options: EnvelopeSenderOptions): EnvelopeSender {
  const {
    link,
    clock,
    metrics,
    onFault,
    waiting,
    shownAs = { sink: "forward", destination: "upstream" },
    nothing = () => "Nothing is forwarded",
    beforeAgain = () => Promise.resolve(),
    random = Math.random,
    limits = LIMITS,
  } = options;
  const policy = {
    failuresMax: limits.sinkFailuresMax,
    pauseMsMin: Math.min(PAUSE_MS_MIN, limits.forwardRetryDelayMsMax),
    pauseMsMax: limits.forwardRetryDelayMsMax,
  };
  const breaker = new CircuitBreaker(policy, clock, random);
  const report = createBreakerReport({
    breaker,
    ...shownAs,
    faultId: "forward-upstream",
    over: "The installation upstream takes what is forwarded again.",
    metrics,
    onFault,
  });
  let reason: string | null = null;

  function failed(error: unknown): void {
    if (breaker.state === "closed") return;
    const records = waiting();
    reason = report.opened(
      `${nothing()}: ${errorText(error)}`,
      records === null ? null : `${records} records of telemetry`,
    );
  }

  async function attempt(envelope: Buffer, signal: AbortSignal): Promise<boolean> {
    try {
      await link.send(envelope, signal);
      breaker.end("works");
      reason = null;
      return true;
    } catch (error) {
      breaker.end(signal.aborted ? "unknown" : "fails");
      if (!isMillraceError(error)) throw error;
      failed(error);
      return false;
    } finally {
      report.show();
    }
  }

  async function allowAgain(): Promise<void> {
    try {
      await beforeAgain();
    } catch (error) {
      breaker.end("unknown");
      report.show();
      throw error;
    }
  }

  return {
    async send(envelope, signal) {
      for (let isAgain = false; !signal.aborted;) {
        if (!breaker.begin()) {
          await pause(Math.min(LOOK_MS, Math.max(1, breaker.waitMs())), signal);
          continue;
        }
        report.show();
        if (isAgain) await allowAgain();
        isAgain = true;
        if (await attempt(envelope, signal)) return true;
      }
      return false;
    },
    notReadyReason: () => reason,
    end: () => report.end(),
  };
}
