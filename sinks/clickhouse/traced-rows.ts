import { LIMITS } from "../../core/limits.ts";
import { HEADER, type LogRecord } from "../../core/record.ts";
import { SPAN_KIND, type TraceContext, type Tracer } from "../../core/tracing.ts";
import { spanIdOf, traceOf } from "../../wire/trace-context.ts";
import type { TopicPartition } from "../../core/event-log.ts";
import type { InsertPlan } from "./insert-plan.ts";

interface TracedRow extends TopicPartition {
  readonly offset: number;
  readonly parent: TraceContext;
  readonly source: string;
  readonly receivedMs: number;
  readonly readMs: number;
}

/** The sampled records of one insert: from when they were read until their rows are in ClickHouse. */
export class TracedRows {
  readonly #tracer: Tracer;
  readonly #rows: TracedRow[] = [];

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** Called with every record that becomes rows. */
  read(record: LogRecord, { topic, partition }: TopicPartition): void {
    const parent = traceOf(record);
    if (parent === null || this.#rows.length >= LIMITS.tracedRowsPerInsertMax) return;
    const { offset, timestamp: receivedMs } = record;
    const source = record.header(HEADER.source) ?? "";
    this.#rows.push({ topic, partition, offset, parent, source, receivedMs, readMs: this.#tracer.now() });
  }

  /** The insert of `plan` begins; what this returns is to be called when the rows are in ClickHouse. */
  begin(plan: InsertPlan): () => void {
    if (this.#rows.length === 0) return () => undefined;
    const startMs = this.#tracer.now();
    const rows = plan.inserts.reduce((sum, insert) => sum + insert.rows, 0);
    return () => {
      const endMs = this.#tracer.now();
      for (const row of this.#rows) this.#ended(row, { id: plan.id, rows, startMs, endMs });
    };
  }

  #ended(row: TracedRow, insert: { readonly id: string; readonly rows: number; startMs: number; endMs: number }): void {
    const { parent, topic, partition, offset, readMs, receivedMs } = row;
    const { traceId } = parent;
    const { id, rows, startMs, endMs } = insert;
    const spanId = spanIdOf(traceId, "sink clickhouse", topic, partition, offset);
    this.#tracer.ended({
      traceId,
      spanId,
      parentSpanId: parent.spanId,
      name: `store ${topic}`,
      kind: SPAN_KIND.consumer,
      startMs: readMs,
      endMs,
      attributes: {
        "millrace.source": row.source,
        "millrace.since_received_ms": Math.max(0, endMs - receivedMs),
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": String(partition),
        "messaging.kafka.offset": offset,
      },
    });
    this.#tracer.ended({
      traceId,
      spanId: spanIdOf(traceId, spanId, "insert"),
      parentSpanId: spanId,
      name: "insert",
      kind: SPAN_KIND.client,
      startMs,
      endMs,
      attributes: { "db.system.name": "clickhouse", "millrace.insert_plan": id, "millrace.insert_rows": rows },
    });
  }
}
