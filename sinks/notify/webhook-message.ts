import type { Notification } from "../../core/registry.ts";
import type { WebhookMessage } from "./webhook.ts";

/**
 * The JSON that receivers get: `{v, id, kind, at, alarm}` for a transition of an alarm, `{v, id, kind, at, fault}` for a fault of the
 * platform. `at` is when it happened (event time for alarms), UTC ms; when it was sent stands in the header Millrace-Timestamp. Every
 * attempt has the same bytes.
 */
export function webhookMessage({ kind, body }: Pick<Notification, "kind" | "body">, id: string): WebhookMessage {
  const at = timeOf(body);
  const subject = kind === "alarm" ? { alarm: body } : { fault: body };
  return { id, body: JSON.stringify({ v: 1, id, kind, at, ...subject }) };
}

function timeOf(body: object): number | null {
  if ("ts" in body && typeof body.ts === "number") return body.ts;
  if ("at" in body && typeof body.at === "number") return body.at;
  return null;
}

/** How long ago the system learned of it; null when the body does not say. Not the event time, which may lie years back in a replay. */
export function ageMs(body: object, nowMs: number): number | null {
  if ("received" in body && typeof body.received === "number") return nowMs - body.received;
  if ("at" in body && typeof body.at === "number") return nowMs - body.at;
  return null;
}
