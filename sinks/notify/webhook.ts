import { createHash, createHmac } from "node:crypto";
import { errorText, MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

export interface WebhookDestination {
  readonly url: string;
  /** Shared with the receiver, who checks the signature with it. */
  readonly secret: string;
}

/** What a receiver gets. `id` is the same in every attempt: drop repeats by it. */
export interface WebhookMessage {
  readonly id: string;
  readonly body: string;
  /** Where the trace of a sampled alarm goes on. */
  readonly traceparent?: string | undefined;
}

export type WebhookResult =
  | { readonly delivered: true }
  | {
      readonly delivered: false;
      readonly error: string;
      readonly retryAfterMs: number;
      /** This message is what it does not take: it answers, and might take another. */
      readonly refused: boolean;
    };

/** Answers of 400 to 499 that are not about the message: the URL, the signature or the pace is what is wrong, and the same for all. */
const ABOUT_ALL = new Set([401, 403, 404, 405, 407, 408, 410, 421, 425, 429]);

/** A name for a destination that survives a change of order and says nothing of the path, which may hold a secret. */
export function destinationName(url: string): string {
  return createHash("sha256").update(url).digest("hex").slice(0, 12);
}

/** CONFIG_INVALID unless it is an http or https URL with a secret. */
export function checkDestination({ url, secret }: WebhookDestination): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol !== "http:" && protocol !== "https:") {
    throw new MillraceError("CONFIG_INVALID", "A webhook's URL must begin with http:// or https://.");
  }
  if (secret === "")
    throw new MillraceError("CONFIG_INVALID", "A webhook needs a secret: its messages are signed with it.");
}

/** `v1=` and the hex HMAC-SHA256 of `<timestamp>.<body>` under the destination's secret. The timestamp stops replays. */
export function signWebhook(secret: string, timestampMs: number, body: string): string {
  return `v1=${createHmac("sha256", secret).update(`${timestampMs}.${body}`).digest("hex")}`;
}

/** One attempt: never rejects, never follows a redirect, and gives up after `webhookTimeoutMs` or when `signal` aborts. */
export async function postWebhook(
  { url, secret }: WebhookDestination,
  message: WebhookMessage,
  timestampMs: number,
  signal: AbortSignal,
): Promise<WebhookResult> {
  try {
    const response = await fetch(url, {
      method: "POST",
      body: message.body,
      // A redirect would take a signed message to somebody else, or turn the POST into a GET.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMITS.webhookTimeoutMs)]),
      headers: {
        "content-type": "application/json",
        "user-agent": "Millrace",
        "millrace-id": message.id,
        "millrace-timestamp": String(timestampMs),
        "millrace-signature": signWebhook(secret, timestampMs, message.body),
        ...(message.traceparent === undefined ? {} : { traceparent: message.traceparent }),
      },
    });
    // The answer's body is nobody's: unread, it would hold the connection.
    await response.body?.cancel();
    if (response.ok) return { delivered: true };
    const { status } = response;
    const refused = status >= 400 && status < 500 && !ABOUT_ALL.has(status);
    return { delivered: false, error: `answered ${status}`, retryAfterMs: retryAfterMs(response), refused };
  } catch (error) {
    return { delivered: false, error: failureText(error), retryAfterMs: 0, refused: false };
  }
}

/** Only the form in seconds: a date would need the receiver's clock. */
function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get("retry-after") ?? "");
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, LIMITS.webhookRetryDelayMsMax) : 0;
}

/** fetch says "fetch failed" and keeps the reason in `cause`. */
function failureText(error: unknown): string {
  const reason = error instanceof Error && error.cause !== undefined ? errorText(error.cause) : errorText(error);
  return reason.slice(0, LIMITS.webhookErrorCharactersMax);
}
