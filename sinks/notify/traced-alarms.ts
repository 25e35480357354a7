import { LIMITS } from "../../core/limits.ts";
import { SPAN_KIND, type TraceContext, type Tracer } from "../../core/tracing.ts";
import { formatTraceparent, spanIdOf, traceOf } from "../../wire/trace-context.ts";
import type { AlarmEvent } from "../../core/derived-records.ts";
import type { LogRecord } from "../../core/record.ts";

/** A sampled alarm between its record and its webhook. */
interface TracedAlarm {
  readonly parent: TraceContext;
  readonly own: TraceContext;
  readonly partition: number;
  readonly offset: number;
  readonly readMs: number;
}

/** One attempt to deliver a sampled notification. */
export interface DeliveryTrace {
  /** For the request, so that the receiver's own spans belong to the trace. */
  readonly traceparent: string;
  ended(error: string | null): void;
}

/**
 * Traces of alarms up to their webhooks. Notifications come out of the outbox without them: they are remembered here, and only here. What is delivered
 * after a restart has no span.
 */
export class TracedAlarms {
  readonly #tracer: Tracer;
  readonly #alarms = new Map<string, TracedAlarm>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** Called with every alarm record. */
  read(event: AlarmEvent, record: LogRecord, partition: number): void {
    const parent = traceOf(record);
    if (parent === null) return;
    const { offset } = record;
    const spanId = spanIdOf(parent.traceId, "sink notify", partition, offset);
    const own = { traceId: parent.traceId, spanId };
    this.#alarms.set(nameOf(event), { parent, own, partition, offset, readMs: this.#tracer.now() });
    if (this.#alarms.size <= LIMITS.tracedAlarmsMax) return;
    const [oldest] = this.#alarms.keys();
    if (oldest !== undefined) this.#alarms.delete(oldest);
  }

  /** The alarm and its notifications are in the registry. */
  applied(events: readonly AlarmEvent[]): void {
    const endMs = this.#tracer.now();
    for (const event of events) {
      const traced = this.#alarms.get(nameOf(event));
      if (traced === undefined) continue;
      const { parent, own, partition, offset, readMs: startMs } = traced;
      this.#tracer.ended({
        ...own,
        parentSpanId: parent.spanId,
        name: "notify alarms",
        kind: SPAN_KIND.consumer,
        startMs,
        endMs,
        attributes: {
          "millrace.alarm": event.id,
          "millrace.transition": event.transition,
          "messaging.destination.name": "alarms",
          "messaging.destination.partition.id": String(partition),
          "messaging.kafka.offset": offset,
        },
      });
    }
  }

  /** Null unless it is of a sampled alarm. `body`: of a notification. */
  attempt(body: object, host: string, attempts: number): DeliveryTrace | null {
    const traced = this.#alarms.get(nameOf(body));
    if (traced === undefined) return null;
    const { traceId, spanId: parentSpanId } = traced.own;
    const spanId = spanIdOf(traceId, parentSpanId, "deliver", host, attempts);
    const startMs = this.#tracer.now();
    return {
      traceparent: formatTraceparent({ traceId, spanId }),
      ended: (error) =>
        this.#tracer.ended({
          traceId,
          spanId,
          parentSpanId,
          name: "POST webhook",
          kind: SPAN_KIND.client,
          startMs,
          endMs: this.#tracer.now(),
          attributes: { "server.address": host, "millrace.attempt": attempts + 1 },
          ...(error === null ? {} : { error }),
        }),
    };
  }
}

/** What a notification of an alarm and its record share. */
function nameOf(body: object): string {
  const id = "id" in body ? String(body.id) : "";
  const transition = "transition" in body ? String(body.transition) : "";
  return `${id} ${transition}`;
}
