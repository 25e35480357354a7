import { createHash, type Hash } from "node:crypto";
import { controlSchema } from "../../core/control.ts";
import { aggregateSchema, deviceEventSchema } from "../../core/derived-records.ts";
import { deviceKey } from "../../core/ids.ts";
import { isReading } from "../../core/is-reading.ts";
import { madeControlRecord } from "../../core/made-record.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord, type LogRecord, type RecordInput } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { FUNCTIONS_STAGE, MAIN_STAGE } from "../../core/stage.ts";
import { createStagePartition, type StagePartition } from "../../engine/stage-partition.ts";
import { SourceMarks } from "../../engine/source-marks.ts";
import { scanLog, type ScanRange } from "../../log/scan-log.ts";
import { configuredState } from "../functions/configured-state.ts";
import { reporting } from "./present-controls.ts";
import { ReadingDifference } from "./reading-difference.ts";
import { WindowDifference } from "./window-difference.ts";
import { takeReplayed } from "./outputs-of-replay.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { StageFunction } from "../../core/function.ts";
import type { ReferenceTable } from "../../core/reference-table.ts";
import type { TopicName } from "../../core/topics.ts";
import type { DeviceConfiguration, TimeRange } from "../functions/history/reading-history.ts";
import type { Correction } from "./correction.ts";
import type { LiveEnd } from "./live-end.ts";

/** What is known of types, tables and devices now: it holds until control records in the log say otherwise. */
export type ReplayConfiguration = DeviceConfiguration & { readonly tables: readonly ReferenceTable[] };

export interface PartitionReplayOptions {
  readonly log: Pick<EventLog, "openReader">;
  readonly partition: number;
  /** With its version. */
  readonly fn: StageFunction;
  readonly range: TimeRange;
  readonly configuration: ReplayConfiguration;
  /** What the log holds of `readings` and `aggregates`. */
  readonly readings: ScanRange;
  readonly aggregates: ScanRange;
  readonly live: LiveEnd;
  /** Called for every record that is read; what it throws ends the replay. */
  readonly onRecord: () => void;
}

export interface PartitionResult {
  readonly corrections: readonly Correction[];
  readonly openWindows: number;
  readonly results: number;
  readonly deadLetters: number;
  /** Of the results of the range, in the order in which they are made. */
  readonly hash: string;
}

/** As many as a unit of a stage has at most. */
const RECORDS_A_UNIT = 500;

/**
 * Runs a version over a partition of `readings`, as if it had been deployed where the function was first deployed, or where the range begins
 * when that is earlier, and compares what it makes with what is stored. Changes nothing. LIMIT_EXCEEDED when too much differs.
 */
export async function replayPartition(options: PartitionReplayOptions): Promise<PartitionResult> {
  const { log, readings, aggregates, live, onRecord } = options;
  const replaced = new Set<string>();
  await scanLog(log, [readings, aggregates], (record) => {
    onRecord();
    live.note(record);
    const replaces = record.header(HEADER.replaces);
    if (replaces !== undefined) replaced.add(replaces);
    return undefined;
  });
  const run = new PartitionReplay(options, replaced, live.offset());
  await scanLog(log, [aggregates], (record) => {
    onRecord();
    run.storedWindow(record);
    return undefined;
  });
  await scanLog(log, [readings], (record) => {
    onRecord();
    run.storedReading(record);
    run.process(record);
    return undefined;
  });
  return run.end();
}

class PartitionReplay {
  private readonly options: PartitionReplayOptions;
  private readonly engine: StagePartition;
  private readonly gate = { isOpen: false };
  private readonly known: ReadonlySet<string>;
  private readonly replaced: ReadonlySet<string>;
  /** All that is made of records before it lies in the log. */
  private readonly liveTo: number;
  private readonly marks = new SourceMarks();
  private readonly readings = new ReadingDifference();
  private readonly windows = new WindowDifference();
  private readonly hash: Hash = createHash("sha256");
  private readonly own: string;
  private results = 0;
  private deadLetters = 0;
  private unsealed = 0;

  constructor(options: PartitionReplayOptions, replaced: ReadonlySet<string>, liveTo: number) {
    const { fn, partition, configuration, readings } = options;
    this.options = options;
    this.replaced = replaced;
    this.liveTo = liveTo;
    this.own = `${fn.name}@`;
    this.known = new Set(configuration.devices.map(({ tenant, id }) => deviceKey(tenant, id)));
    const stage = { ...FUNCTIONS_STAGE, functions: [gated(fn, this.gate)] };
    const of = { stage, partition, generation: 0 };
    this.engine = createStagePartition(of, configuredState(of, reporting(configuration), readings.offset));
    // The record of its first deploy may be gone: then it ran from the beginning of what is left.
    this.gate.isOpen = readings.offset > 0;
  }

  storedReading(record: LogRecord): void {
    const stored = this.storedSource(record, "readings");
    if (stored === null || this.replaced.has(stored.text)) return;
    const reading = parseJson(record.value);
    if (!isReading(reading) || !this.isMeant(reading.ts)) return;
    this.readings.stored({ key: stored.key, offset: stored.source.offset, reading, source: stored.text });
  }

  storedWindow(record: LogRecord): void {
    const stored = this.storedSource(record, "aggregates");
    const aggregate = stored === null ? undefined : aggregateSchema.safeParse(parseJson(record.value)).data;
    if (stored === null || aggregate === undefined || !this.isMeant(aggregate.start + aggregate.size - 1)) return;
    this.windows.stored(stored.key, stored.source, aggregate);
  }

  process(record: LogRecord): void {
    if (record.offset >= this.liveTo) return;
    const fed = isControlRecord(record) ? this.controlOf(record) : record;
    if (!this.gate.isOpen) this.gate.isOpen = this.isOfRange(record);
    while (!this.engine.process(fed)) this.collect();
    this.unsealed += 1;
    if (this.unsealed >= RECORDS_A_UNIT) this.collect();
  }

  end(): PartitionResult {
    this.collect();
    const kept = new Set<string>();
    for (const { slots } of this.engine.snapshotChunks()) {
      for (const { fn, key, name } of slots) {
        // A window's slot ends with its start.
        if (fn === this.options.fn.name) kept.add(`${key} ${name.slice(name.lastIndexOf("/") + 1)}`);
      }
    }
    const windows = this.windows.corrections((key, start) => kept.has(`${key} ${start}`));
    const corrections = [...this.readings.corrections(), ...windows.corrections];
    return {
      corrections: corrections.toSorted((a, b) => a.offset - b.offset),
      openWindows: windows.open,
      results: this.results,
      deadLetters: this.deadLetters,
      hash: this.hash.digest("hex"),
    };
  }

  /** Null for what another function made, or of records that are not run here, and for what comes a second time. */
  private storedSource(record: LogRecord, topic: TopicName) {
    const { readings } = this.options;
    if (isControlRecord(record) || record.header(HEADER.functionVersion)?.startsWith(this.own) !== true) return null;
    const text = record.header(HEADER.source) ?? "";
    const source = parseSourcePosition(text);
    if (source === null || source.topic !== "readings" || record.key === null || !this.known.has(record.key))
      return null;
    if (!this.marks.takeIfNew(topic, source.partition, source)) return null;
    return source.offset < readings.offset || source.offset >= this.liveTo ? null : { key: record.key, text, source };
  }

  /** Deploys and redrives were answers to the version that ran; everything else holds for this one too. */
  private controlOf(record: LogRecord): LogRecord {
    const kind = record.header(HEADER.controlKind);
    if (kind !== "deploy" && kind !== "redrive") return record;
    const control = controlSchema.safeParse(parseJson(record.value)).data;
    if (control?.kind === "deploy" && control.function.name === this.options.fn.name) this.gate.isOpen = true;
    return madeControlRecord(record.offset, record.timestamp, { v: 1, kind: "tick" });
  }

  private isOfRange(record: LogRecord): boolean {
    if (record.header(HEADER.source)?.startsWith(`${MAIN_STAGE} `) !== true) return false;
    const reading = parseJson(record.value);
    return isReading(reading) && this.isMeant(reading.ts);
  }

  private isMeant(ts: number): boolean {
    const { from, to } = this.options.range;
    return ts >= from && ts < to;
  }

  private collect(): void {
    this.unsealed = 0;
    for (const [topic, records] of takeReplayed(this.engine)) for (const record of records) this.note(topic, record);
  }

  private note(topic: TopicName, { key, value, headers }: RecordInput): void {
    const source = parseSourcePosition(headers.find(([name]) => name === HEADER.source)?.[1] ?? "");
    if (key === null || source === null) return;
    const made = parseJson(value);
    if (topic === "readings" && isReading(made)) {
      if (!this.known.has(key) || !this.isMeant(made.ts)) return;
      this.readings.made({ key, offset: source.offset, reading: made, source: null });
      this.noteResult(key, value);
    } else if (topic === "aggregates") {
      const aggregate = aggregateSchema.parse(made);
      if (!this.known.has(key) || !this.isMeant(aggregate.start + aggregate.size - 1)) return;
      this.windows.made(key, source.offset, aggregate);
      this.noteResult(key, value);
    } else if (topic === "dead-letters") {
      this.deadLetters += 1;
    } else if (topic === "device-events" && deviceEventSchema.safeParse(made).data?.kind === "removed") {
      this.readings.forget(key, source.offset);
      this.windows.forget(key, source.offset);
    }
  }

  private noteResult(key: string, value: Uint8Array): void {
    this.results += 1;
    this.hash.update(key).update("\n").update(value).update("\n");
  }
}

/** The function from where the gate opens; the engine sees all readings before, as it did then. */
function gated(fn: StageFunction, gate: { readonly isOpen: boolean }): StageFunction {
  if (fn.kind === "map") {
    const process: typeof fn.process = (input, context) => {
      if (gate.isOpen) fn.process(input, context);
    };
    return { ...fn, process };
  }
  const onInput: typeof fn.onInput = (input, context) => {
    if (gate.isOpen) fn.onInput(input, context);
  };
  return { ...fn, onInput };
}
