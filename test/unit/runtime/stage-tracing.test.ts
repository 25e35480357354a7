import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER, type LogRecord, type RecordInput } from "../../../core/record.ts";
import { createStagePartition, type StagePartition } from "../../../engine/stage-partition.ts";
import { claimPartition } from "../../../runtime/partition-owner.ts";
import { StageTracing } from "../../../runtime/stage-tracing.ts";
import { TracedPartition } from "../../../runtime/traced-partition.ts";
import { parseTraceparent } from "../../../wire/trace-context.ts";
import { countingStage, message, tick } from "../../support/counting-stage.ts";
import { keepSpans } from "../../support/kept-spans.ts";
import { openJournal, SharedJournal } from "../../support/shared-journal.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

function sampled(record: LogRecord, text = `00-${TRACE}-${PARENT}-01`): LogRecord {
  const { offset, timestamp, key, value } = record;
  const header = (name: string) => (name === HEADER.traceparent ? text : record.header(name));
  return { offset, timestamp, key, value, header, headers: () => [...record.headers(), [HEADER.traceparent, text]] };
}

const engine = (): StagePartition =>
  createStagePartition({ stage: countingStage, partition: 3, generation: 0, partitionCount: 8 });

function tracedEngine(logger = silentLogger) {
  const tracer = keepSpans();
  const tracing = new StageTracing({ tracer, stage: countingStage, partition: 3, logger });
  return { partition: new TracedPartition(engine(), tracing), spans: tracer.spans };
}

/** Works the records in units of this many, and gives all outputs as text: topic, key, time, headers, value. */
function work(partition: StagePartition, records: readonly LogRecord[], unit: number): string[] {
  const lines: string[] = [];
  const seal = (): void => {
    for (const [topic, made] of partition.seal()?.outputs ?? [])
      lines.push(...made.map((record) => `${topic} ${textOf(record)}`));
  };
  for (const [index, record] of records.entries()) {
    while (!partition.process(record)) seal();
    if (index % unit === unit - 1) seal();
  }
  seal();
  return lines;
}

function textOf({ key, timestamp, headers, value }: RecordInput): string {
  return `${key} ${timestamp} ${headers.map(String).join(";")} ${Buffer.from(value).toString()}`;
}

/** Every fifth is sampled, where `isTraced`; timers fire in between, and some throw. */
const stream = (isTraced: boolean): LogRecord[] =>
  Array.from({ length: 200 }, (_, n) => {
    if (n % 37 === 36) return tick(n, n * 4);
    const record = message(n, `d${n % 4}`, n * 4, n % 23 === 0 ? "boom" : n);
    return isTraced && n % 5 === 0 ? sampled(record) : record;
  });

const withoutTraces = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/;traceparent,\S+/, "")).toSorted();

describe("a stage whose sampled records are traced", () => {
  it.each([1, 7, 1000])("makes what it would make without, traces aside, in units of %d records", (unit) => {
    const plain = work(engine(), stream(false), 10).toSorted();
    const { partition } = tracedEngine();
    const lines = work(partition, stream(true), unit);
    expect(withoutTraces(lines)).toEqual(plain);
    expect(lines.filter((line) => line.includes("traceparent")).length).toBeGreaterThan(20);
  });

  it("makes the same bytes again, wherever units end", () => {
    const lines = [1, 7, 1000].map((unit) => work(tracedEngine().partition, stream(true), unit).toSorted());
    expect(lines[1]).toEqual(lines[0]);
    expect(lines[2]).toEqual(lines[0]);
  });

  it("touches no record when none is sampled: the outputs are the engine's own objects", () => {
    const inner = engine();
    const tracing = new StageTracing({ tracer: keepSpans(), stage: countingStage, partition: 3, logger: silentLogger });
    const partition = new TracedPartition(inner, tracing);
    for (const record of stream(false)) partition.process(record);
    const outputs = partition.seal()?.outputs;
    expect(outputs?.get("readings")?.every((record) => record.encoded !== undefined)).toBe(true);
    expect(partition.takeSealed()).toBeNull();
  });

  it("marks what was made of the sampled record, and nothing of its neighbours", () => {
    const { partition } = tracedEngine();
    const lines = work(partition, [message(0, "a", 0, 1), sampled(message(1, "b", 1, 2)), message(2, "c", 2, 3)], 3);
    const marked = lines.filter((line) => line.includes("traceparent"));
    expect(marked).toHaveLength(1);
    expect(marked[0]).toMatch(/^readings t\/b /);
    const text = /traceparent,(\S+)/.exec(marked[0] ?? "")?.[1] ?? "";
    expect(parseTraceparent(text)).toMatchObject({ traceId: TRACE, sampled: true });
    expect(text).not.toContain(PARENT);
  });

  it("tells the spans when the unit is durable: the stage's, and in it processing, waiting and committing", () => {
    const { partition, spans } = tracedEngine();
    work(partition, [sampled(message(0, "a", 0, 1))], 1);
    expect(spans).toEqual([]);
    partition.takeSealed()?.committed();
    expect(partition.takeSealed()).toBeNull();
    const [stage, ...parts] = spans;
    expect(stage).toMatchObject({
      name: "stage test",
      traceId: TRACE,
      parentSpanId: PARENT,
      attributes: { "millrace.stage": "test", "millrace.outputs": 1, "messaging.kafka.offset": 0 },
    });
    expect(parts.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ["process", stage?.spanId],
      ["wait for the unit's end", stage?.spanId],
      ["commit", stage?.spanId],
    ]);
    const times = parts.flatMap(({ startMs, endMs }) => [startMs, endMs]);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect([stage?.startMs, stage?.endMs]).toEqual([times[0], times.at(-1)]);
  });

  it("says of a dead letter which message it was, in the span and in the log", () => {
    const lines: object[] = [];
    const { partition, spans } = tracedEngine({ ...silentLogger, warn: (fields) => void lines.push(fields) });
    work(partition, [sampled(message(0, "a", 0, "boom")), message(1, "a", 1, "boom")], 2);
    partition.takeSealed()?.committed();
    expect(spans[0]).toMatchObject({ error: expect.stringContaining("dead letter") });
    expect(lines).toEqual([expect.objectContaining({ trace_id: TRACE, offset: 0, partition: 3, key: "t/a" })]);
  });

  it("carries a trace on in so many outputs of one record and no more, the last of them", () => {
    const { tracedOutputsPerRecordMax: most } = LIMITS;
    const tracing = new StageTracing({ tracer: keepSpans(), stage: countingStage, partition: 0, logger: silentLogger });
    const traced = tracing.begin(sampled(message(5, "a", 0, 1)));
    const output = (offset: number, index: number): RecordInput => ({
      timestamp: 0,
      key: "t/a",
      value: Buffer.from(String(index)),
      headers: [[HEADER.source, `test telemetry 0 0 ${offset} 0 ${index}`]],
    });
    const records = [output(4, 0), ...Array.from({ length: most + 10 }, (_, n) => output(5, n)), output(6, 0)];
    const marked = tracing.carryOn(new Map([["readings", records]]), traced === null ? [] : [traced]).get("readings");
    const isMarked = (marked ?? []).map(({ headers }) => headers.length === 2);
    expect(isMarked.filter(Boolean)).toHaveLength(most);
    expect([isMarked[0], isMarked[10], isMarked[11], isMarked.at(-2), isMarked.at(-1)]).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    expect(traced?.outputs).toBe(most + 10);
  });

  it.each(["", "garbage", `00-${TRACE}-${PARENT}-00`])("passes over a header that asks for no trace: %j", (text) => {
    const { partition, spans } = tracedEngine();
    const lines = work(partition, [sampled(message(0, "a", 0, 1), text)], 1);
    expect(partition.takeSealed()).toBeNull();
    expect(lines.join()).not.toContain("traceparent");
    expect(spans).toEqual([]);
  });

  it("has the same span when a record is worked again after a commit that failed, and only the one that landed", async () => {
    const shared = new SharedJournal();
    const tracer = keepSpans();
    const run = async (fails: boolean): Promise<void> => {
      const { journals, warm } = openJournal(shared, "p");
      const commit = fails ? () => Promise.reject(new MillraceError("LOG_IO", "it did not land")) : journals.commit;
      const failing = { ...journals, commit: commit.bind(journals) };
      const owner = await claimPartition({
        journals: failing,
        warm,
        stage: countingStage,
        partition: 0,
        generation: 0,
        tracer,
      });
      owner.state.process(sampled(message(0, "a", 0, 1)));
      await owner.commit();
      await owner.settled();
    };
    await run(true);
    expect(tracer.spans).toEqual([]);
    await run(false);
    expect(tracer.spans.filter(({ name }) => name === "stage test")).toHaveLength(1);
  });
});
