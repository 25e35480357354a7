import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { FaultTransition, ReportFault } from "../../core/fault.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import { createAlarmReader } from "./alarm-reader.ts";
import { createDeliverer } from "./deliverer.ts";
import type { NotifySinkOptions } from "./notify-options.ts";
import { createPlatformFaults } from "./platform-faults.ts";
import { TracedAlarms } from "./traced-alarms.ts";
import { checkDestination } from "./webhook.ts";

export interface NotifySink extends Service, Readiness {
  /** Tells people of a fault of the platform itself: lag, disk, a sink that is down. `id` is stable while the fault lasts. */
  platformFault(id: string, transition: FaultTransition, text: string): void;
}

/**
 * Topic `alarms` → alarm store → webhooks, each transition at least once per destination under a stable id. A webhook that does not
 * accept is not a reason to be unready: the outbox is durable. CONFIG_INVALID when a webhook's URL or secret cannot be used.
 */
export function createNotifySink(options: NotifySinkOptions): NotifySink {
  const { webhooks, clock, logger, random = Math.random } = options;
  const onFault: ReportFault = (id, transition, text) => {
    logger.warn({ fault: id, transition }, text);
    options.onFault?.(id, transition, text);
  };
  if (webhooks.length > LIMITS.webhooksMax) {
    throw new MillraceError("CONFIG_INVALID", `There may be ${LIMITS.webhooksMax} webhooks at most.`);
  }
  for (const webhook of webhooks) checkDestination(webhook);
  const faults = createPlatformFaults(clock);
  const traced = options.tracer === undefined ? null : new TracedAlarms(options.tracer);
  const deliverer = createDeliverer({ ...options, onFault, random, faults, traced });
  const { copies } = deliverer;
  const reader = createAlarmReader({ ...options, onFault, copies, traced, onApplied: () => deliverer.wake() });
  const intake = new AbortController();
  const force = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  return {
    notReadyReasons() {
      const reason = reader.notReadyReason();
      return reason === null ? [] : [reason];
    },
    platformFault(id, transition, text) {
      faults.add(id, transition, text);
      deliverer.wake();
    },
    async start() {
      running = Promise.all([reader.run(intake.signal), deliverer.run(intake.signal, force.signal)]);
    },
    async stop(signal) {
      const letGo = () => force.abort();
      signal.addEventListener("abort", letGo, { once: true });
      if (signal.aborted) letGo();
      intake.abort();
      await running;
      signal.removeEventListener("abort", letGo);
    },
  };
}
