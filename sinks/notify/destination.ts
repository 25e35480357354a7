import { CircuitBreaker } from "../../core/circuit-breaker.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseNotificationId } from "../../core/notification-ids.ts";
import type { Addressee, Notification } from "../../core/registry.ts";
import { createBreakerReport, type BreakerReport } from "../../core/sink-breaker.ts";
import type { DelivererOptions } from "./deliverer.ts";
import { destinationName, type WebhookDestination, type WebhookResult } from "./webhook.ts";

type Failure = Extract<WebhookResult, { delivered: false }>;

/** A webhook with what is known of it at the moment. */
export interface Destination {
  readonly webhook: WebhookDestination;
  readonly name: string;
  /** Of the host alone: the path may hold a secret. */
  readonly host: string;
  readonly addressee: Addressee;
  readonly breaker: CircuitBreaker;
  readonly report: BreakerReport;
  /** Requests under way. */
  requests: number;
  refusedInRow: number;
  /** Subjects that failed since it last accepted one, and those that have been overtaken: it accepted another after they had failed. */
  failed: Set<string>;
  readonly overtaken: Set<string>;
}

const FIRST_PAUSE_MS = 500;

/** The first one's rows are those that everybody queues; each other has copies: one dead receiver costs the others nothing. */
export function makeDestinations(options: DelivererOptions): readonly Destination[] {
  const { webhooks, clock, random, metrics, onFault } = options;
  const policy = {
    failuresMax: LIMITS.sinkFailuresMax,
    pauseMsMin: FIRST_PAUSE_MS,
    pauseMsMax: LIMITS.webhookHoldMsMax,
  };
  return webhooks.map((webhook, index) => {
    const name = destinationName(webhook.url);
    const { host } = new URL(webhook.url);
    const breaker = new CircuitBreaker(policy, clock, random);
    const over = `The webhook at ${host} accepts notifications again.`;
    const shown = { sink: "notify", destination: name, faultId: `notify-${name}`, over, metrics, onFault };
    const report = createBreakerReport({ breaker, ...shown });
    const nothingYet = { requests: 0, refusedInRow: 0, failed: new Set<string>(), overtaken: new Set<string>() };
    return { webhook, name, host, addressee: index === 0 ? null : name, breaker, report, ...nothingYet };
  });
}

export function hasRoom({ requests, breaker }: Destination): boolean {
  return requests < LIMITS.requestsPerWebhookMax && breaker.mayBegin;
}

/** What a notification is about: of one subject the first comes first. */
export function subjectOf({ id, body }: Pick<Notification, "id" | "body">): string {
  return "id" in body && typeof body.id === "string" ? body.id : id;
}

export type Route = Deliverable | { readonly to: null; readonly why: string };

export interface Deliverable {
  readonly to: Destination;
  readonly messageId: string;
  readonly subject: string;
}

export function routeOf(row: Pick<Notification, "id" | "body">, destinations: readonly Destination[]): Route {
  const [first] = destinations;
  if (!first) return { to: null, why: "no destination is configured" };
  const { id: messageId, addressee } = parseNotificationId(row.id);
  const to = addressee === null ? first : destinations.find(({ name }) => name === addressee);
  return to ? { to, messageId, subject: subjectOf(row) } : { to: null, why: "its destination is no longer configured" };
}

/** Whether the probe is to be another one: what failed may be what it fails on. */
export function hasFailed(route: Route): boolean {
  return route.to !== null && route.to.breaker.state === "open" && route.to.failed.has(route.subject);
}

export function noteDelivered({ to, subject }: Deliverable): void {
  for (const failed of to.failed) to.overtaken.add(failed);
  to.failed.clear();
  to.overtaken.delete(subject);
  to.refusedInRow = 0;
  to.breaker.end("works");
  to.report.show();
}

/**
 * True when it is this notification that is refused, and nothing is wrong with the destination: it says so, or it fails again although
 * others are accepted. Else the notification keeps its place and its attempts.
 */
export function isRefused({ to, subject }: Deliverable, { refused, retryAfterMs }: Failure): boolean {
  const isAlone = to.breaker.state === "closed" && to.overtaken.delete(subject);
  if (!refused && !isAlone) {
    // All that could be a probe have failed: the oldest one's turn again.
    if (to.failed.size >= LIMITS.webhookRoundRowsMax) to.failed.clear();
    to.failed.add(subject);
  }
  if (refused) to.breaker.end("works");
  else if (isAlone) to.breaker.end("unknown");
  else to.breaker.end("fails", retryAfterMs);
  to.report.show();
  return refused || isAlone;
}
