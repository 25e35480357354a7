/** A place in a trace (W3C Trace Context): what comes next has it as its parent. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
}

/** As OpenTelemetry numbers them. */
export const SPAN_KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = (typeof SPAN_KIND)[keyof typeof SPAN_KIND];

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Something that was done for one sampled record, and how long it took. */
export interface Span extends TraceContext {
  /** Null for the first of a trace. */
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  /** UTC ms, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Why it failed: a sentence. Absent when it did not. */
  readonly error?: string;
}

/** Where spans go. There is one where traces are switched on, and none elsewhere: who has none does nothing for them. */
export interface Tracer {
  /** UTC ms, with fractions: of the clock that stamps records. */
  now(): number;
  /** Takes a span that has ended. Never waits and never throws: what there is no room for is counted and gone. */
  ended(span: Span): void;
}
