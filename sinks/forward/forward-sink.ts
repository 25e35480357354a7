import { backOffMs } from "../../core/back-off.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { untilAborted } from "../../core/aborted.ts";
import { pause } from "../../core/pause.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import { createForwardMeters } from "./forward-meters.ts";
import type { ForwardSinkOptions } from "./forward-options.ts";
import { waitingRecords } from "./forward-positions.ts";
import { type ForwardRun, readAndForward, tellDropped } from "./forward-reader.ts";
import { createEnvelopeSender } from "./send-envelope.ts";

export type ForwardSink = Service & Readiness;

/** Between two looks at what waits. */
const LOOK_MS = 2000;
const RECOVER_MS = 1000;

/**
 * Topic `telemetry` → another Millrace installation. What it has acknowledged is durable there, and counts there once however often it was
 * sent. An upstream that is away is not a reason to stop taking messages: what waits stays in the log.
 */
export function createForwardSink(options: ForwardSinkOptions): ForwardSink {
  const { log, link, clock, logger, metrics } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const meters = createForwardMeters(metrics, clock);
  const onFault: ReportFault = (id, transition, text) => {
    logger.warn({ fault: id, transition }, text);
    options.onFault?.(id, transition, text);
  };
  let run: ForwardRun | null = null;
  let waiting: number | null = null;
  let logReason: string | null = "the forwarder has not started";
  const sender = createEnvelopeSender({ ...options, onFault, waiting: () => waiting });
  let running: Promise<unknown> = Promise.resolve();

  async function forward(): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await readAndForward({ ...options, sender, meters, onFault }, signal, (begun) => {
          run = begun;
          logReason = null;
          if (failures > 0) onFault("forward-log", "cleared", "Telemetry is read and forwarded again.");
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (!isMillraceError(error)) throw error;
        logReason = `what is to be forwarded cannot be read, or how far it was: ${errorText(error)}`;
        if (failures === 0) onFault("forward-log", "raised", logReason);
        logger.warn({ code: error.code, err: error }, "the forwarder starts over");
        await pause(backOffMs(RECOVER_MS, LIMITS.forwardRetryDelayMsMax, failures), signal);
      }
    }
  }

  /** Counts what waits, and what retention has deleted of it, also while the upstream is away. */
  async function look(): Promise<void> {
    for (; !signal.aborted; await pause(LOOK_MS, signal)) {
      if (run === null) continue;
      try {
        const status = await log.status();
        tellDropped(meters, onFault, run.positions.passRetention(status));
        waiting = run.underWay + waitingRecords(status, run.positions.topicPositions());
        meters.waiting(waiting, run.oldest);
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        // The reader meets it too, and says so.
        waiting = null;
      }
    }
  }

  return {
    notReadyReasons: () => [logReason, sender.notReadyReason()].filter((reason) => reason !== null),
    start() {
      running = Promise.all([forward(), look()]);
      return Promise.resolve();
    },
    async stop(deadline) {
      stopping.abort();
      await untilAborted(running, deadline);
      await link.close();
    },
  };
}
