import { createHash, type Hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { deadLetterSchema } from "../../core/derived-records.ts";
import { parseJson } from "../../core/parse-json.ts";
import { readReading } from "../../wire/reading-reader.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { outputText } from "../../kit/run-records.ts";
import { userDetailsOf } from "../../kit/user-function.ts";
import { isBefore, type BacktestPart, type PlacedFault, type TopicHash } from "./backtest-report.ts";
import { Comparison } from "./comparison.ts";
import { PastRun, type PastOutputs } from "./past-run.ts";
import type { DeadLetter, Reading } from "../../core/derived-records.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { TopicName } from "../../core/topics.ts";
import type { MetricValue } from "../../core/schemas.ts";
import type { SampleOutput } from "../../kit/run-records.ts";
import type { PastReading, ReadingHistory, TimeRange } from "./history/reading-history.ts";

/** What comes of all that the history gives. Aborted: it ends with the signal's reason, behind the batch that it works on. */
export async function backtestPart(
  functions: readonly StageFunction[],
  history: ReadingHistory,
  range: TimeRange,
  signal?: AbortSignal,
): Promise<BacktestPart> {
  const run = new BacktestRun(functions, history, range);
  const readings = functions.some(isJoin) ? history.readByReceiveTime(range) : history.read(range);
  for await (const batch of readings) {
    run.take(batch);
    // So that this thread hears of others.
    if (signal !== undefined) await nextTurn();
    signal?.throwIfAborted();
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
  private readonly hashes = new Map<number, Map<TopicName, Hash>>();
  private readonly comparison = new Comparison();
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
    const inputs: LogRecord[] = [];
    for (const { record, reading, maker } of batch) {
      if (maker !== null && this.names.has(maker)) this.comparison.stored(reading);
      // What another function derived counts as well, as if it came from the function before. Nothing is joined that a device has not sent.
      else if (maker === null || !this.joins) inputs.push(record);
    }
    this.counts.readings += inputs.length;
    this.run.take(partition, inputs);
    if (this.history.isExact) return;
    // A batch is a device, whole: of what is stored, only the metrics can be the function's that it has emitted.
    this.run.flushPartition(partition, this.range.to);
    for (const { reading } of batch) this.comparison.stored(asStored(reading), [...this.emittedNames]);
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
    const ofPartition = this.hashes.get(partition) ?? new Map<TopicName, Hash>();
    this.hashes.set(partition, ofPartition);
    const hash = ofPartition.get(topic) ?? createHash("sha256");
    ofPartition.set(topic, hash);
    hash.update(records.map((record) => outputText({ topic, record })).join(""));
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
      const value = readReading(record);
      this.counts.emitted += 1;
      if (value === null) return;
      // What lies outside is stored of other readings than these.
      if (value.ts < this.range.from || value.ts >= this.range.to) return;
      for (const metric of Object.keys(value.metrics)) this.emittedNames.add(metric);
      this.comparison.emitted(this.history.isExact ? value : asStored(value));
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
