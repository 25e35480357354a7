import type { ReportFault } from "../../core/fault.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Notification } from "../../core/registry.ts";
import { nominalDelayMs } from "./retry-delay.ts";
import { destinationName, type WebhookDestination } from "./webhook.ts";

/** A webhook with what is known of it at the moment. */
export interface Destination {
  readonly webhook: WebhookDestination;
  readonly name: string;
  /** Requests under way. */
  requests: number;
  failuresInRow: number;
  /** Nothing is sent before this time: what is down is asked now and then, not once for every row that waits. */
  heldUntil: number;
}

export function makeDestinations(webhooks: readonly WebhookDestination[]): readonly Destination[] {
  const unused = { requests: 0, failuresInRow: 0, heldUntil: 0 };
  return webhooks.map((webhook) => ({ webhook, name: destinationName(webhook.url), ...unused }));
}

/** Failures in a row after which a destination is reported as a fault. */
const FAILURES_BEFORE_FAULT = 3;

export function hasRoom({ requests, failuresInRow, heldUntil }: Destination, nowMs: number): boolean {
  const most = failuresInRow >= FAILURES_BEFORE_FAULT ? 1 : LIMITS.requestsPerWebhookMax;
  return requests < most && nowMs >= heldUntil;
}

/**
 * Where a row of the outbox goes. The alarm store queues one row per transition: that row is the first destination's. Every other
 * destination has a row of its own, `<id>@<name>`, with its own attempts: one dead receiver costs the others nothing.
 */
export type Route = Deliverable | { readonly to: null; readonly why: string };

export interface Deliverable {
  readonly to: Destination;
  readonly messageId: string;
  readonly others: readonly string[];
}

const OWN_ROW = /^(.+)@([0-9a-f]{12})$/;

export function routeOf({ id }: Pick<Notification, "id">, destinations: readonly Destination[]): Route {
  const [first, ...rest] = destinations;
  if (!first) return { to: null, why: "no destination is configured" };
  const [, messageId, name] = OWN_ROW.exec(id) ?? [];
  if (messageId === undefined) return { to: first, messageId: id, others: rest.map((other) => `${id}@${other.name}`) };
  const to = destinations.find((destination) => destination.name === name);
  return to ? { to, messageId, others: [] } : { to: null, why: "its destination is no longer configured" };
}

/** Raises a fault when a destination keeps failing and clears it when it accepts again. The URL's path may be a secret: the host is named. */
export function recordResult(
  destination: Destination,
  error: string | null,
  nowMs: number,
  onFault: ReportFault,
): void {
  const { host } = new URL(destination.webhook.url);
  const id = `notify-${destination.name}`;
  const excess = destination.failuresInRow + 1 - FAILURES_BEFORE_FAULT;
  if (error === null) {
    if (excess > 0) onFault(id, "cleared", `The webhook at ${host} accepts notifications again.`);
    destination.failuresInRow = 0;
    destination.heldUntil = 0;
    return;
  }
  destination.failuresInRow += 1;
  if (excess < 0) return;
  if (excess === 0) onFault(id, "raised", `The webhook at ${host} does not accept notifications: ${error}`);
  destination.heldUntil = nowMs + Math.min(LIMITS.webhookHoldMsMax, nominalDelayMs(excess + 1));
}
