import { errorText } from "../core/errors.ts";
import type { AppendWaiter } from "../core/event-log.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Counter, Metrics } from "../core/metrics.ts";
import { HEADER } from "../core/record.ts";
import { SPAN_KIND, type SpanAttributes, type TraceContext, type Tracer } from "../core/tracing.ts";
import { type PackedHeaders, withHeader } from "../wire/packed-headers.ts";
import { formatTraceparent, HeadSampler, parseTraceparent, spanIdOf, traceIdOf } from "../wire/trace-context.ts";
import type { MessageView } from "./admission.ts";
import type { MessageOrigin, MessageTrace } from "./message-origin.ts";

export interface PublishTracingOptions {
  readonly tracer: Tracer;
  /** The share of messages that are traced, 0 to 1, of those whose sender does not decide it. */
  readonly ratio: number;
  readonly admissionPrefix: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Decides which messages are traced: by the sender's `traceparent` where there is one, else by the admission id. */
export class PublishTracing {
  readonly #tracer: Tracer;
  readonly #logger: Logger;
  readonly #sampler: HeadSampler;
  readonly #admissionPrefix: string;
  readonly #ignored: Counter;
  #second = 0;
  #wishes = 0;

  constructor({ tracer, ratio, admissionPrefix, logger, metrics }: PublishTracingOptions) {
    this.#tracer = tracer;
    this.#logger = logger;
    this.#sampler = new HeadSampler(ratio, admissionPrefix);
    this.#admissionPrefix = admissionPrefix;
    this.#ignored = metrics.counter(
      "millrace_traceparents_ignored_total",
      "Messages whose sender asked for a trace, and which were sampled like any other: too many asked in that second.",
    );
  }

  /** Of a request that begins now. */
  received(requestId: string, traceparent: string | undefined): MessageTrace {
    const parent = traceparent === undefined ? null : parseTraceparent(traceparent);
    return { parent, request: { id: requestId, startMs: this.#tracer.now() } };
  }

  /** Null for a message that is not sampled. `sequence`: of its admission id, unless its origin has one. */
  begin(origin: MessageOrigin, message: MessageView, timestamp: number, sequence: number): PublishTrace | null {
    const { admissionId, trace } = origin;
    const parent = trace?.parent ?? null;
    if (parent?.sampled === false) return null;
    const isWished = parent !== null && this.#grants();
    const isChosen = isWished || this.#isSampled(admissionId, sequence);
    if (!isChosen) return null;
    const id = admissionId ?? `${this.#admissionPrefix}${sequence}`;
    const startMs = trace?.request?.startMs ?? timestamp;
    return new PublishTrace(this.#tracer, this.#logger, {
      id,
      parent: isWished ? parent : null,
      startMs,
      origin,
      message,
    });
  }

  #isSampled(admissionId: string | null, sequence: number): boolean {
    return admissionId === null ? this.#sampler.isNumberSampled(sequence) : this.#sampler.isSampled(admissionId);
  }

  /** Anybody with a credential can ask for a trace of each of its messages. */
  #grants(): boolean {
    const second = Math.floor(this.#tracer.now() / 1000);
    if (second !== this.#second) this.#wishes = 0;
    this.#second = second;
    this.#wishes += 1;
    if (this.#wishes <= LIMITS.traceparentsPerSecondMax) return true;
    this.#ignored.add();
    return false;
  }
}

interface PublishedMessage {
  readonly id: string;
  readonly parent: TraceContext | null;
  readonly startMs: number;
  readonly origin: MessageOrigin;
  readonly message: MessageView;
}

/** A sampled message between "taken" and "durable". */
class PublishTrace implements AppendWaiter {
  readonly #tracer: Tracer;
  readonly #logger: Logger;
  readonly #published: PublishedMessage;
  readonly #bytes: number;
  readonly #publish: TraceContext;
  readonly #append: TraceContext;
  readonly #takenMs: number;

  constructor(tracer: Tracer, logger: Logger, published: PublishedMessage) {
    const { id, parent, origin, message } = published;
    const traceId = parent?.traceId ?? traceIdOf(id);
    this.#tracer = tracer;
    this.#logger = logger;
    this.#published = published;
    this.#bytes = message.end - message.payloadStart;
    this.#publish = { traceId, spanId: spanIdOf(traceId, "publish", id, origin.key) };
    this.#append = { traceId, spanId: spanIdOf(traceId, "append", id, origin.key) };
    this.#takenMs = tracer.now();
  }

  /** With where the trace goes on for who reads the record. */
  headers(headers: PackedHeaders): Buffer {
    return withHeader(headers, [HEADER.traceparent, formatTraceparent(this.#append)]);
  }

  landed(): void {
    this.#end();
    const { id, origin } = this.#published;
    this.#logger.debug(
      { key: origin.key, admissionId: id, trace_id: this.#publish.traceId },
      "a sampled message is durable",
    );
  }

  failed(error: unknown): void {
    this.#end(errorText(error));
    const { id, origin } = this.#published;
    const fields = { key: origin.key, admissionId: id, trace_id: this.#publish.traceId };
    this.#logger.warn({ ...fields, error: errorText(error) }, "a sampled message is not admitted");
  }

  #end(error?: string): void {
    const { id, parent, startMs, origin } = this.#published;
    const endMs = this.#tracer.now();
    const request = origin.trace?.request ?? null;
    const failure = error === undefined ? {} : { error };
    const attributes: SpanAttributes = {
      "millrace.device": origin.key,
      "millrace.admission_id": id,
      "network.protocol.name": request === null ? "mqtt" : "http",
      ...(request === null ? {} : { "millrace.request_id": request.id }),
      "messaging.message.body.size": this.#bytes,
      ...(origin.via === null ? {} : { "millrace.via": origin.via }),
    };
    this.#tracer.ended({
      ...this.#publish,
      parentSpanId: parent?.spanId ?? null,
      name: "publish",
      kind: SPAN_KIND.server,
      startMs: Math.min(startMs, this.#takenMs),
      endMs,
      attributes,
      ...failure,
    });
    this.#tracer.ended({
      ...this.#append,
      parentSpanId: this.#publish.spanId,
      name: "append telemetry",
      kind: SPAN_KIND.producer,
      startMs: this.#takenMs,
      endMs,
      attributes: {
        "messaging.destination.name": "telemetry",
        "messaging.destination.partition.id": String(origin.partition),
      },
      ...failure,
    });
  }
}
