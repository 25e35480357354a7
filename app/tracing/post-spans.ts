import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import type { TracingTarget } from "./tracing-settings.ts";

/** What became of a request to the collector. */
export type PostResult =
  | { readonly outcome: "taken"; readonly rejectedSpans: number }
  /** The same may be taken later. */
  | { readonly outcome: "away"; readonly why: string; readonly retryAfterMs: number }
  /** It is not taken, however often it is sent. */
  | { readonly outcome: "refused"; readonly why: string };

/** One request. Never rejects; `signal` ends it. */
export type PostSpans = (body: string, signal: AbortSignal) => Promise<PostResult>;

/** The answers after which OTLP/HTTP lets a client try again. */
const AWAY = new Set([429, 502, 503, 504]);

/** Node's own HTTP, not `fetch`: a thread loads it in a fraction of the time. */
export function createPostSpans({ url, headers }: Pick<TracingTarget, "url" | "headers">): PostSpans {
  const send = url.startsWith("https:") ? requestHttps : requestHttp;
  return async (body, signal) => {
    const { promise, resolve } = Promise.withResolvers<PostResult>();
    const away = (why: string) => resolve({ outcome: "away", why, retryAfterMs: 0 });
    const bytes = Buffer.from(body);
    const sent = send(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json", "content-length": bytes.length },
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMITS.traceRequestTimeoutMs)]),
    });
    sent.on("error", (error) => away(errorText(error)));
    sent.on("response", (response) => {
      collect(response).then(
        (text) => resolve(resultOf(response, text)),
        (error: unknown) => away(errorText(error)),
      );
    });
    sent.end(bytes);
    return promise;
  };
}

async function collect(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    if (text.length < LIMITS.traceAnswerBytesMax) text += String(chunk);
  }
  return text.slice(0, LIMITS.traceAnswerBytesMax);
}

function resultOf({ statusCode = 0, headers }: IncomingMessage, text: string): PostResult {
  if (statusCode >= 200 && statusCode < 300) return { outcome: "taken", rejectedSpans: rejectedOf(text) };
  const why = `the collector answered ${statusCode}`;
  if (!AWAY.has(statusCode)) return { outcome: "refused", why };
  const seconds = Number(headers["retry-after"] ?? "");
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
  return { outcome: "away", why, retryAfterMs: Math.min(retryAfterMs, LIMITS.traceRetryDelayMsMax) };
}

/** `partialSuccess.rejectedSpans`, a number of 64 bits: text in JSON. */
function rejectedOf(text: string): number {
  const answer = parseJson(text);
  if (typeof answer !== "object" || answer === null || !("partialSuccess" in answer)) return 0;
  const { partialSuccess } = answer;
  if (typeof partialSuccess !== "object" || partialSuccess === null || !("rejectedSpans" in partialSuccess)) return 0;
  const count = Number(partialSuccess.rejectedSpans);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
