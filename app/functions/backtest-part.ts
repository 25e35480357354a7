import { deadLetterSchema } from "../../core/derived-records.ts";
import { parseJson } from "../../core/parse-json.ts";
import { ReadingParts } from "../../wire/reading-parts.ts";
import { readReading } from "../../wire/reading-reader.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { userDetailsOf } from "../../kit/user-function.ts";
import { isBefore, type BacktestPart, type PlacedFault, type TopicHash } from "./backtest-report.ts";
import { Comparison } from "./comparison.ts";
import { OutputHash } from "./output-hash.ts";
import { PastRun, type PastOutputs } from "./past-run.ts";
import type { DeadLetter, Reading } from "../../core/derived-records.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";
import type { TopicName } from "../../core/topics.ts";
import type { MetricValue } from "../../core/schemas.ts";
import type { SampleOutput } from "../../kit/run-records.ts";
import type { PastReading, ReadingHistory, TimeRange } from "./history/reading-history.ts";

/** What comes of all that the history gives. `between` is called behind each batch: what it throws ends it. */
export async function backtestPart(
  functions: readonly StageFunction[],
  history: ReadingHistory,
  range: TimeRange,
  between: () => Promise<void> | null = () => null,
): Promise<BacktestPart> {
  const run = new BacktestRun(functions, history, range);
  const readings = functions.some(isJoin) ? history.readByReceiveTime(range) : history.read(range);
  for await (const batch of readings) {
    run.take(batch);
    await between();
  }
  return run.end();
}

class BacktestRun {
  private readonly functions: readonly StageFunction[];
  private readonly names: ReadonlySet<string>;
  private readonly joins: boolean;
  private readonly history: ReadingHistory;
  private readonly range: TimeRange;
  private readonly run: PastRun;
  private readonly hashes = new Map<number, Map<TopicName, OutputHash>>();
  private readonly comparison = new Comparison();
  private readonly parts = new ReadingParts();
  private readonly emittedNames = new Set<string>();
  private readonly faults = new Map<string, PlacedFault & { count: number }>();
  private readonly counts = { readings: 0, emitted: 0, aggregates: 0, events: 0, deadLetters: 0 };
  private readonly skippedBefore: number;

  constructor(functions: readonly StageFunction[], history: ReadingHistory, range: TimeRange) {
    this.functions = functions;
    this.names = new Set(functions.map(({ name }) => name));
    this.joins = functions.some(isJoin);
    this.history = history;
    this.range = range;
    this.run = new PastRun(functions, history.configuration, (outputs) => this.noteOutputs(outputs));
    this.skippedBefore = this.skipped;
  }

  take(batch: readonly PastReading[]): void {
    const [first] = batch;
    if (first === undefined) return;
    const { partition } = first;
    let inputs: LogRecord[] = [];
    for (const past of batch) {
      const { record, maker } = past;
      if (maker !== null && this.names.has(maker)) {
        // In the order of the records: which of several values of a place counts must not depend on where batches end.
        this.runOn(partition, inputs);
        inputs = [];
        this.noteStored(past);
      }
      // What another function derived counts as well, as if it came from the function before. Nothing is joined that a device has not sent.
      else if (maker === null || !this.joins) inputs.push(record);
    }
    this.runOn(partition, inputs);
    if (this.history.isExact) return;
    // A batch is a device, whole: of what is stored, only the metrics can be the function's that it has emitted.
    this.run.flushPartition(partition, this.range.to);
    for (const { reading } of batch) this.comparison.note("stored", asStored(reading), [...this.emittedNames]);
  }

  private runOn(partition: number, inputs: readonly LogRecord[]): void {
    this.counts.readings += inputs.length;
    this.run.take(partition, inputs);
  }

  private noteStored(past: PastReading): void {
    const { parts } = this;
    if (parts.find(past.record)) this.comparison.noteText("stored", parts);
    else this.comparison.note("stored", past.reading);
  }

  private noteEmitted(record: RecordInput): void {
    const { parts, history } = this;
    this.counts.emitted += 1;
    if (history.isExact && parts.find(record)) {
      if (this.isInRange(parts.ts)) this.comparison.noteText("emitted", parts);
      return;
    }
    const reading = readReading(record);
    if (reading === null || !this.isInRange(reading.ts)) return;
    for (const metric of Object.keys(reading.metrics)) this.emittedNames.add(metric);
    this.comparison.note("emitted", history.isExact ? reading : asStored(reading));
  }

  /** What lies outside is stored of other readings than these. */
  private isInRange(ts: number): boolean {
    return ts >= this.range.from && ts < this.range.to;
  }

  end(): BacktestPart {
    if (this.history.isExact) this.run.flushAll(this.range.to);
    const hashes = [...this.hashes].flatMap(([partition, ofPartition]) =>
      [...ofPartition].map(([topic, hash]): TopicHash => ({ partition, topic, digest: hash.digest() })),
    );
    return {
      counts: { ...this.counts, skipped: this.skipped - this.skippedBefore },
      faults: [...this.faults.values()],
      compared: this.comparison.part(),
      hashes,
    };
  }

  private get skipped(): number {
    return this.functions.reduce((sum, fn) => sum + (userDetailsOf(fn)?.counters.skipped ?? 0), 0);
  }

  private noteOutputs({ partition: place, topic, records }: PastOutputs): void {
    const partition = place ?? Infinity;
    const ofPartition = this.hashes.get(partition) ?? new Map<TopicName, OutputHash>();
    this.hashes.set(partition, ofPartition);
    const hash = ofPartition.get(topic) ?? new OutputHash(topic);
    ofPartition.set(topic, hash);
    hash.add(records);
    for (const record of records) this.note({ topic, record }, partition);
  }

  private noteFault(letter: DeadLetter, partition: number): void {
    const id = faultId(letter);
    const known = this.faults.get(id);
    if (known === undefined) this.faults.set(id, { id, first: letter, partition, count: 1 });
    else if (isBefore(letter, partition, known)) {
      this.faults.set(id, { id, first: letter, partition, count: known.count + 1 });
    } else known.count += 1;
  }

  private note({ topic, record }: SampleOutput, partition: number): void {
    if (topic === "dead-letters") {
      this.counts.deadLetters += 1;
      this.noteFault(deadLetterSchema.parse(parseJson(record.value)), partition);
    } else if (topic === "readings") {
      this.noteEmitted(record);
    } else if (topic === "aggregates") {
      this.counts.aggregates += 1;
    } else {
      this.counts.events += 1;
    }
  }
}

function faultId({ function: fn, errorClass, stack, error }: DeadLetter): string {
  return `${fn} ${errorClass} ${stack === "" ? error : stack}`;
}

/** Tables have numbers for booleans. */
function asStored(reading: Reading): Reading {
  const metrics = Object.entries(reading.metrics).map(([name, value]) => [name, toStored(value)] as const);
  return { ...reading, metrics: Object.fromEntries(metrics) };
}

function toStored(value: MetricValue): MetricValue {
  return typeof value === "boolean" ? Number(value) : value;
}
