import type { Span, SpanAttributes } from "../../core/tracing.ts";

const SCOPE = { name: "millrace" };
const STATUS_ERROR = { code: 2 };
const NANOS_PER_MS = 1_000_000n;

/**
 * The body of an OTLP/HTTP request in JSON: an ExportTraceServiceRequest (opentelemetry-proto, trace/v1), with ids in hexadecimal and numbers of
 * 64 bits as text, as its JSON mapping has them.
 */
export function encodeSpans(spans: readonly Span[], resource: SpanAttributes): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: SCOPE, spans: spans.map(spanOf) }],
      },
    ],
  });
}

function spanOf({ traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, error }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    // Sampled: it is recorded.
    flags: 1,
    name,
    kind,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(Math.max(startMs, endMs)),
    attributes: attributesOf(attributes),
    status: error === undefined ? {} : { ...STATUS_ERROR, message: error },
  };
}

/** A double holds no nanoseconds of today. */
function nanos(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * NANOS_PER_MS + BigInt(Math.floor((ms - whole) * 1e6)));
}

function attributesOf(attributes: SpanAttributes): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }));
}

function valueOf(value: string | number | boolean): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
