import { createHash, type Hash } from "node:crypto";
import { deadLetterSchema } from "../../core/derived-records.ts";
import { parseJson } from "../../core/parse-json.ts";
import { readReading } from "../../wire/reading-reader.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { outputText } from "../../kit/run-records.ts";
import { userDetailsOf } from "../../kit/user-function.ts";
import { Comparison, type ComparisonReport } from "./comparison.ts";
import { PastRun, type PastOutputs } from "./past-run.ts";
import type { DeadLetter, Reading } from "../../core/derived-records.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { TopicName } from "../../core/topics.ts";
import type { MetricValue } from "../../core/schemas.ts";
import type { SampleOutput } from "../../kit/run-records.ts";
import type { PastReading, ReadingHistory, TimeRange } from "./history/reading-history.ts";

export interface BacktestReport {
  readonly readings: number;
  /** Of these, passed by: by each function once. */
  readonly skipped: number;
  readonly emitted: number;
  /** Results of windows, each revision. */
  readonly aggregates: number;
  readonly events: number;
  readonly deadLetters: number;
  /** What went wrong: each fault once, where it first came. */
  readonly faults: readonly BacktestFault[];
  readonly compared: ComparisonReport;
  /** Of every byte of the outputs, partition by partition. */
  readonly hash: string;
  readonly elapsedMs: number;
}

export interface BacktestFault {
  readonly first: DeadLetter;
  readonly count: number;
}

/**
 * Runs functions over readings of the past, into nothing, and compares what they emit with what is stored. They begin with no state, and at the
 * end every device's time moves to the range's end, so that windows up to there close.
 */
export async function backtest(
  functions: readonly StageFunction[],
  history: ReadingHistory,
  range: TimeRange,
): Promise<BacktestReport> {
  const begun = performance.now();
  const run = new BacktestRun(functions, history, range);
  const readings = functions.some(isJoin) ? history.readByReceiveTime(range) : history.read(range);
  for await (const batch of readings) run.take(batch);
  const report = run.end();
  return { ...report, elapsedMs: performance.now() - begun };
}

class BacktestRun {
  private readonly functions: readonly StageFunction[];
  private readonly names: ReadonlySet<string>;
  private readonly joins: boolean;
  private readonly history: ReadingHistory;
  private readonly range: TimeRange;
  private readonly run: PastRun;
  /** By partition, what is joined behind them: of the outputs of each topic, since only their order in a topic does not depend on where units end. */
  private readonly hashes = new Map<number, Map<TopicName, Hash>>();
  private readonly comparison = new Comparison();
  private readonly emittedNames = new Set<string>();
  private readonly faults = new Map<string, { readonly first: DeadLetter; count: number }>();
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

  end(): Omit<BacktestReport, "elapsedMs"> {
    if (this.history.isExact) this.run.flushAll(this.range.to);
    const hash = createHash("sha256");
    for (const [, ofPartition] of [...this.hashes].sort(([a], [b]) => a - b)) {
      for (const [, ofTopic] of [...ofPartition].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(ofTopic.digest());
    }
    return {
      ...this.counts,
      skipped: this.skipped - this.skippedBefore,
      faults: [...this.faults.values()].sort((a, b) => b.count - a.count),
      compared: this.comparison.report(),
      hash: hash.digest("hex"),
    };
  }

  private get skipped(): number {
    return this.functions.reduce((sum, fn) => sum + (userDetailsOf(fn)?.counters.skipped ?? 0), 0);
  }

  private noteOutputs({ partition, topic, records }: PastOutputs): void {
    const ofPartition = this.hashes.get(partition ?? Infinity) ?? new Map<TopicName, Hash>();
    this.hashes.set(partition ?? Infinity, ofPartition);
    const hash = ofPartition.get(topic) ?? createHash("sha256");
    ofPartition.set(topic, hash);
    hash.update(records.map((record) => outputText({ topic, record })).join(""));
    for (const record of records) this.note({ topic, record });
  }

  private noteFault(first: DeadLetter): void {
    const id = faultId(first);
    const known = this.faults.get(id);
    if (known === undefined) this.faults.set(id, { first, count: 1 });
    else known.count += 1;
  }

  private note({ topic, record }: SampleOutput): void {
    if (topic === "dead-letters") {
      this.counts.deadLetters += 1;
      this.noteFault(deadLetterSchema.parse(parseJson(record.value)));
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

/** The same place in the code is the same fault, whatever its text says of the device. */
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
