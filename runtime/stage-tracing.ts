import { LIMITS } from "../core/limits.ts";
import { HEADER, type LogRecord, type RecordInput } from "../core/record.ts";
import { parseSourcePosition, type SourcePosition } from "../core/source-position.ts";
import { SPAN_KIND, type TraceContext, type Tracer } from "../core/tracing.ts";
import { formatTraceparent, spanIdOf, traceOf } from "../wire/trace-context.ts";
import type { Logger } from "../core/logger.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { TopicName } from "../core/topics.ts";

export interface StageTracingOptions {
  readonly tracer: Tracer;
  readonly stage: Pick<StageDefinition, "name" | "input" | "source">;
  readonly partition: number;
  readonly logger: Logger;
}

type Outputs = ReadonlyMap<TopicName, readonly RecordInput[]>;

/** A sampled record between "read" and "committed". */
export class TracedRecord {
  readonly offset: number;
  readonly device: string;
  readonly admissionId: string | null;
  /** Where it came from, and where its trace goes on in what the stage makes of it. */
  readonly parent: TraceContext;
  readonly own: TraceContext;
  /** When the log took it first, and when it was worked: UTC ms. */
  readonly receivedMs: number;
  readonly startMs: number;
  processedMs: number;
  outputs = 0;
  deadLetters = 0;

  constructor(record: LogRecord, parent: TraceContext, spanId: string, now: number) {
    this.offset = record.offset;
    this.device = record.key ?? "";
    this.admissionId = record.header(HEADER.admissionId) ?? null;
    this.parent = parent;
    this.own = { traceId: parent.traceId, spanId };
    this.receivedMs = record.timestamp;
    this.startMs = now;
    this.processedMs = now;
  }
}

/** Spans of one partition of a stage. The engine knows nothing of it: what it makes of a record is the same with and without. */
export class StageTracing {
  readonly #options: StageTracingOptions;

  constructor(options: StageTracingOptions) {
    this.#options = options;
  }

  get now(): number {
    return this.#options.tracer.now();
  }

  /** Null for a record that is not sampled. */
  begin(record: LogRecord): TracedRecord | null {
    const parent = traceOf(record);
    if (parent === null) return null;
    const { stage, partition, tracer } = this.#options;
    // What another stage has made, or this one itself, lies in the same topic and is passed over.
    if (stage.source !== undefined && sourceOf(record.header(HEADER.source))?.stage !== stage.source) return null;
    const spanId = spanIdOf(parent.traceId, "stage", stage.name, stage.input, partition, record.offset);
    return new TracedRecord(record, parent, spanId, tracer.now());
  }

  /** What was made of these records carries their traces on. Nothing else of the outputs changes, and those of other records are the same objects. */
  carryOn(outputs: Outputs, traced: readonly TracedRecord[]): Outputs {
    const carried = new Map<TopicName, readonly RecordInput[]>();
    for (const [topic, records] of outputs) carried.set(topic, withTraces(records, traced));
    return carried;
  }

  processed(traced: TracedRecord, deadLetters: number): void {
    traced.processedMs = this.#options.tracer.now();
    traced.deadLetters += deadLetters;
    if (deadLetters === 0) return;
    const { stage, partition, logger } = this.#options;
    const { own, offset, device, admissionId } = traced;
    logger.warn(
      { stage: stage.name, partition, offset, key: device, admissionId, trace_id: own.traceId },
      "a sampled record has become a dead letter",
    );
  }

  /** They are durable. `sealedMs`: when their unit was closed. */
  committed(records: readonly TracedRecord[], sealedMs: number): void {
    const endMs = this.#options.tracer.now();
    for (const record of records) this.#ended(record, sealedMs, endMs);
  }

  #ended(traced: TracedRecord, sealedMs: number, endMs: number): void {
    const { tracer, stage, partition } = this.#options;
    const { own, parent, startMs, processedMs, admissionId, deadLetters } = traced;
    const { traceId } = own;
    const part = (name: string, from: number, to: number) =>
      tracer.ended({
        traceId,
        spanId: spanIdOf(traceId, own.spanId, name),
        parentSpanId: own.spanId,
        name,
        kind: SPAN_KIND.internal,
        startMs: from,
        endMs: to,
        attributes: {},
      });
    tracer.ended({
      ...own,
      parentSpanId: parent.spanId,
      name: `stage ${stage.name}`,
      kind: SPAN_KIND.consumer,
      startMs,
      endMs,
      attributes: {
        "millrace.stage": stage.name,
        "millrace.device": traced.device,
        ...(admissionId === null ? {} : { "millrace.admission_id": admissionId }),
        "millrace.lag_ms": Math.max(0, startMs - traced.receivedMs),
        "millrace.outputs": traced.outputs,
        "millrace.dead_letters": deadLetters,
        "messaging.destination.name": stage.input,
        "messaging.destination.partition.id": String(partition),
        "messaging.kafka.offset": traced.offset,
      },
      ...(deadLetters === 0 ? {} : { error: "a function failed on it: see its dead letter" }),
    });
    part("process", startMs, processedMs);
    part("wait for the unit's end", processedMs, sealedMs);
    part("commit", sealedMs, endMs);
  }
}

function withTraces(records: readonly RecordInput[], traced: readonly TracedRecord[]): readonly RecordInput[] {
  let copy: RecordInput[] | null = null;
  for (const one of traced) {
    const end = firstFrom(records, one.offset + 1);
    const first = firstFrom(records, one.offset);
    one.outputs += end - first;
    for (let at = Math.max(first, end - LIMITS.tracedOutputsPerRecordMax); at < end; at += 1) {
      const record = records[at];
      if (record === undefined) continue;
      copy ??= [...records];
      copy[at] = withTrace(record, one.own);
    }
  }
  return copy ?? records;
}

function withTrace({ timestamp, key, value, headers }: RecordInput, own: TraceContext): RecordInput {
  return { timestamp, key, value, headers: [...headers, [HEADER.traceparent, formatTraceparent(own)]] };
}

/** The place of the first output of a record at or behind this offset: a stage makes them in the order of its input. */
function firstFrom(records: readonly RecordInput[], offset: number): number {
  let [from, to] = [0, records.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sourceOffset(records[middle]) < offset) from = middle + 1;
    else to = middle;
  }
  return from;
}

function sourceOffset(record: RecordInput | undefined): number {
  return sourceOf(record?.headers.find(([name]) => name === HEADER.source)?.[1])?.offset ?? -1;
}

function sourceOf(text: string | undefined): SourcePosition | null {
  return text === undefined ? null : parseSourcePosition(text);
}
