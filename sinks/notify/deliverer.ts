import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Notification } from "../../core/registry.ts";
import { hasRoom, makeDestinations, recordResult, routeOf, type Destination, type Deliverable } from "./destination.ts";
import type { NotifySinkOptions } from "./notify-options.ts";
import { pause } from "../../core/pause.ts";
import type { PlatformFaults } from "./platform-faults.ts";
import { isGivenUp, RECOVER_DELAY_MS, retryDelayMs } from "./retry-delay.ts";
import { postWebhook } from "./webhook.ts";
import { ageMs, webhookMessage } from "./webhook-message.ts";

export interface Deliverer {
  /**
   * Delivers what is due until `intake` aborts, then waits for the requests under way; `force` aborts those too. They stay due.
   * Failures of the registry are waited out; only a programmer's error rejects.
   */
  run(intake: AbortSignal, force: AbortSignal): Promise<void>;
  /** Looks for due notifications now. */
  wake(): void;
}

export type DelivererOptions = Pick<NotifySinkOptions, "outbox" | "webhooks" | "clock" | "logger" | "metrics"> & {
  readonly onFault: ReportFault;
  readonly random: () => number;
  readonly faults: PlatformFaults;
};

const POLL_INTERVAL_MS = 500;

type Settlement = Parameters<NotifySinkOptions["outbox"]["settle"]>[1];

/** Outbox → webhooks: due → post → settle. A crash between the last two repeats the post under the same id. */
export function createDeliverer(options: DelivererOptions): Deliverer {
  const { outbox, clock, logger, faults } = options;
  const destinations = makeDestinations(options.webhooks);
  const underWay = new Map<string, Promise<void>>();
  let wakeUp = new AbortController();
  let waiting: readonly Notification[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** What found no room the last time, for a while: a look with every request that ends would read the same rows each time. */
  const due = async (): Promise<readonly Notification[]> => {
    if (waiting.length > 0 && clock.now() - lookedAt < POLL_INTERVAL_MS) return waiting;
    lookedAt = clock.now();
    return await outbox.due(lookedAt, LIMITS.webhookRoundRowsMax);
  };
  const round = async (force: AbortSignal) => {
    await faults.flush(outbox);
    const rows = (await due()).filter(({ id }) => !underWay.has(id));
    const left: Notification[] = [];
    const undeliverable: Undeliverable[] = [];
    for (const row of rows) {
      const route = routeOf(row, destinations);
      if (route.to === null) undeliverable.push({ id: row.id, why: route.why });
      else if (!hasRoom(route.to, clock.now())) left.push(row);
      else
        underWay.set(
          row.id,
          deliver(options, row, route, force).finally(() => underWay.delete(row.id)),
        );
    }
    waiting = left;
    await giveUp(options, undeliverable);
  };
  return {
    wake: () => wakeUp.abort(),
    async run(intake, force) {
      intake.addEventListener("abort", () => wakeUp.abort(), { once: true });
      while (!intake.aborted) {
        wakeUp = new AbortController();
        await round(force).catch((error: unknown) => {
          if (!isMillraceError(error)) throw error;
          logger.warn({ code: error.code, err: error }, "the notification outbox cannot be read; trying again");
        });
        const paused = pause(POLL_INTERVAL_MS, wakeUp.signal);
        // A request that ends makes room for the next one at once.
        await Promise.race([...underWay.values(), paused]);
      }
      await Promise.all(underWay.values());
    },
  };
}

interface Undeliverable {
  readonly id: string;
  readonly why: string;
}

async function giveUp(options: DelivererOptions, undeliverable: readonly Undeliverable[]): Promise<void> {
  for (const [why, rows] of Map.groupBy(undeliverable, (row) => row.why)) {
    await options.outbox.giveUp(
      rows.map(({ id }) => id),
      why,
    );
    resultCounter(options, "undeliverable").add(rows.length);
  }
}

async function deliver(
  options: DelivererOptions,
  notification: Notification,
  route: Deliverable,
  force: AbortSignal,
): Promise<void> {
  const { to, messageId, others } = route;
  to.requests += 1;
  try {
    // Again with every attempt: the destinations may have changed since the last one. Rows that exist stay as they are.
    for (const other of others) await options.outbox.enqueue(other, notification.kind, notification.body);
    const settlement = await attempt(options, notification, to, messageId, force);
    if (settlement) await settle(options, notification.id, settlement, force);
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    options.logger.warn({ id: notification.id, err: error }, "a notification could not be handed on; trying again");
    await pause(RECOVER_DELAY_MS, force);
  } finally {
    to.requests -= 1;
  }
}

/** Null when the attempt was cut off by our own stop: it does not count. */
async function attempt(
  options: DelivererOptions,
  notification: Notification,
  to: Destination,
  messageId: string,
  force: AbortSignal,
): Promise<Settlement | null> {
  const { clock, logger, random, onFault } = options;
  const result = await postWebhook(to.webhook, webhookMessage(notification, messageId), clock.now(), force);
  if (result.delivered) {
    resultCounter(options, "delivered").add();
    recordResult(to, null, clock.now(), onFault);
    return { delivered: true };
  }
  if (force.aborted) return null;
  recordResult(to, result.error, clock.now(), onFault);
  const attempts = notification.attempts + 1;
  const fields = { id: messageId, destination: to.name, attempts, error: result.error };
  if (isGivenUp(attempts, ageMs(notification.body, clock.now()))) {
    resultCounter(options, "given_up").add();
    logger.error(fields, "a notification is given up");
    return { delivered: false, nextAttemptAt: null, error: result.error };
  }
  resultCounter(options, "failed").add();
  logger.warn(fields, "a notification was not accepted; it will be sent again");
  const delayMs = Math.max(result.retryAfterMs, retryDelayMs(attempts, random));
  return { delivered: false, nextAttemptAt: clock.now() + delayMs, error: result.error };
}

/**
 * Writes the result down, however long the registry takes: an unsettled row is due, and posting it again at once because the registry
 * is away would flood the receiver.
 */
async function settle(
  { outbox, logger }: DelivererOptions,
  id: string,
  result: Settlement,
  force: AbortSignal,
): Promise<void> {
  while (!force.aborted) {
    try {
      return await outbox.settle(id, result);
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      logger.warn({ id, err: error }, `a delivery's result could not be written: ${errorText(error)}`);
      if (error.retry === "never") return pause(LIMITS.notifyRecoverDelayMsMax, force);
      await pause(RECOVER_DELAY_MS, force);
    }
  }
}

function resultCounter({ metrics }: DelivererOptions, result: "delivered" | "failed" | "given_up" | "undeliverable") {
  return metrics.counter("millrace_notify_attempts_total", "Attempts to deliver notifications, by result.", { result });
}
