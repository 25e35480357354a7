import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Notification } from "../../core/registry.ts";
import {
  hasFailed,
  hasRoom,
  isRefused,
  makeDestinations,
  noteDelivered,
  routeOf,
  type Deliverable,
  type Destination,
} from "./destination.ts";
import type { NotifySinkOptions } from "./notify-options.ts";
import { createOutage } from "../../core/outage.ts";
import { pause } from "../../core/pause.ts";
import type { PlatformFaults } from "./platform-faults.ts";
import { isGivenUp, RECOVER_DELAY_MS, retryDelayMs } from "./retry-delay.ts";
import type { TracedAlarms } from "./traced-alarms.ts";
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
  /** Names of the destinations whose rows in the outbox are copies. */
  readonly copies: readonly string[];
}

export type DelivererOptions = Pick<NotifySinkOptions, "outbox" | "webhooks" | "clock" | "logger" | "metrics"> & {
  readonly onFault: ReportFault;
  readonly random: () => number;
  readonly faults: PlatformFaults;
  /** Null: no alarm is traced. */
  readonly traced: TracedAlarms | null;
};

const POLL_INTERVAL_MS = 500;

type Settlement = Parameters<NotifySinkOptions["outbox"]["settle"]>[1];

/**
 * Outbox → webhooks: due → post → settle. A crash between the last two repeats the post under the same id. What a destination that is
 * away does not take keeps its place and its attempts; one alarm's notifications go one after the other.
 */
export function createDeliverer(options: DelivererOptions): Deliverer {
  const { outbox, clock, logger, faults } = options;
  const destinations = makeDestinations(options);
  const copies = destinations.flatMap(({ addressee }) => addressee ?? []);
  const underWay = new Map<string, { readonly turn: string; readonly ended: Promise<void> }>();
  let wakeUp = new AbortController();
  let waiting: readonly Notification[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** What found no room the last time, for a while: a look with every request that ends would read the same rows each time. */
  const due = async (): Promise<readonly Notification[]> => {
    if (waiting.length > 0 && clock.now() - lookedAt < POLL_INTERVAL_MS) return waiting;
    lookedAt = clock.now();
    const full = destinations.filter((to) => !hasRoom(to)).map(({ addressee }) => addressee);
    return await outbox.due(lookedAt, LIMITS.webhookRoundRowsMax, full);
  };
  const round = async (force: AbortSignal) => {
    await faults.flush(outbox, copies);
    // Also what ends while the outbox is read: it may be read as not settled.
    const begun = new Set(underWay.keys());
    const rows = (await due()).filter(({ id }) => !begun.has(id));
    const routes = rows.map((row) => ({ row, route: routeOf(row, destinations) }));
    const turns = new Set([...underWay.values()].map(({ turn }) => turn));
    const left = new Set<Notification>();
    const undeliverable: Undeliverable[] = [];
    // Stable: of one subject the first stays the first.
    for (const { row, route } of routes.toSorted((a, b) => Number(hasFailed(a.route)) - Number(hasFailed(b.route)))) {
      if (route.to === null) {
        undeliverable.push({ id: row.id, why: route.why });
        continue;
      }
      const turn = `${route.to.name} ${route.subject}`;
      if (turns.has(turn) || !hasRoom(route.to)) left.add(row);
      else {
        const ended = deliver(options, row, route, force).finally(() => underWay.delete(row.id));
        underWay.set(row.id, { turn, ended });
      }
      turns.add(turn);
    }
    // In their order again: those that had failed were put behind.
    waiting = rows.filter((row) => left.has(row));
    await giveUp(options, undeliverable);
  };
  const outage = createOutage("the notification outbox cannot be read", POLL_INTERVAL_MS, logger);
  const ended = () => [...underWay.values()].map((one) => one.ended);
  return {
    copies,
    wake: () => wakeUp.abort(),
    async run(intake, force) {
      intake.addEventListener("abort", () => wakeUp.abort(), { once: true });
      while (!intake.aborted) {
        wakeUp = new AbortController();
        const pauseMs = await round(force).then(
          () => {
            outage.succeeded();
            return POLL_INTERVAL_MS;
          },
          (error: unknown) => outage.failed(error),
        );
        const paused = pause(pauseMs, wakeUp.signal);
        // A request that ends makes room for the next one at once.
        await Promise.race([...ended(), paused]);
      }
      await Promise.all(ended());
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
  const { to } = route;
  to.requests += 1;
  to.breaker.begin();
  to.report.show();
  try {
    const settlement = await attempt(options, notification, route, force);
    if (settlement) await settle(options, notification.id, settlement, force);
  } finally {
    to.requests -= 1;
  }
}

/** Null when the attempt does not count: the destination is at fault, or our own stop has cut it off. */
async function attempt(
  options: DelivererOptions,
  notification: Notification,
  route: Deliverable,
  force: AbortSignal,
): Promise<Settlement | null> {
  const { clock, logger, random } = options;
  const { to, messageId } = route;
  const trace = options.traced?.attempt(notification.body, to.host, notification.attempts) ?? null;
  const message = { ...webhookMessage(notification, messageId), traceparent: trace?.traceparent };
  const result = await postWebhook(to.webhook, message, clock.now(), force);
  trace?.ended(result.delivered ? null : result.error);
  if (result.delivered) {
    resultCounter(options, "delivered").add();
    if (to.refusedInRow >= LIMITS.sinkFailuresMax) {
      options.onFault(refusedFault(to), "cleared", `The webhook at ${to.host} accepts notifications again.`);
    }
    noteDelivered(route);
    return { delivered: true };
  }
  const { error, retryAfterMs } = result;
  if (force.aborted) {
    to.breaker.end("unknown");
    return null;
  }
  if (!isRefused(route, result)) {
    resultCounter(options, "failed").add();
    logger.info({ id: messageId, destination: to.name, error }, "a webhook does not take a notification; it waits");
    if (to.breaker.state === "open") await reportOpen(options, to, error);
    return null;
  }
  reportRefused(options, to, error);
  const attempts = notification.attempts + 1;
  const fields = { id: messageId, destination: to.name, attempts, error };
  if (isGivenUp(attempts, ageMs(notification.body, clock.now()))) {
    resultCounter(options, "given_up").add();
    logger.error(fields, "a notification is given up");
    return { delivered: false, nextAttemptAt: null, error };
  }
  resultCounter(options, "refused").add();
  logger.warn(fields, "a notification was refused; it will be sent again");
  const delayMs = Math.max(retryAfterMs, retryDelayMs(attempts, random));
  return { delivered: false, nextAttemptAt: clock.now() + delayMs, error };
}

async function reportOpen({ outbox }: DelivererOptions, to: Destination, error: string): Promise<void> {
  const waiting = await outbox.waiting(to.addressee).catch(() => null);
  const what = `The webhook at ${to.host} does not accept notifications: ${error}`;
  to.report.opened(what, waiting === null ? null : `${waiting} notifications`);
}

/** A destination that refuses one after the other is at fault in its own way: it answers, and people hear nothing. */
function reportRefused({ onFault }: DelivererOptions, to: Destination, error: string): void {
  to.refusedInRow += 1;
  if (to.refusedInRow !== LIMITS.sinkFailuresMax) return;
  const text = `The webhook at ${to.host} refuses one notification after the other: ${error}. Each is tried again for some days, then given up.`;
  onFault(refusedFault(to), "raised", text);
}

function refusedFault({ name }: Destination): string {
  return `notify-refused-${name}`;
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

function resultCounter(
  { metrics }: DelivererOptions,
  result: "delivered" | "failed" | "refused" | "given_up" | "undeliverable",
) {
  return metrics.counter("millrace_notify_attempts_total", "Attempts to deliver notifications, by result.", { result });
}
