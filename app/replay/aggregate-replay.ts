import { createHash, type Hash } from "node:crypto";
import { aggregateSchema, deviceEventSchema, type Aggregate, type Reading } from "../../core/derived-records.ts";
import { defineMap } from "../../core/function.ts";
import { deviceKey } from "../../core/ids.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord, type LogRecord, type RecordInput } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { createStagePartition, type StagePartition } from "../../engine/stage-partition.ts";
import { SourceMarks } from "../../engine/source-marks.ts";
import { scanLog, type ScanRange } from "../../log/scan-log.ts";
import { aggregate } from "../../processors/aggregate.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { configuredState } from "../functions/configured-state.ts";
import { MessageReadings } from "./message-readings.ts";
import { PresentControls, reporting } from "./present-controls.ts";
import { sliceReader } from "./slice-reader.ts";
import { WindowDifference } from "./window-difference.ts";
import { takeReplayed } from "./outputs-of-replay.ts";
import type { TopicName } from "../../core/topics.ts";
import type { PartitionReplayOptions, PartitionResult } from "./partition-replay.ts";

export interface AggregateReplayOptions extends Pick<
  PartitionReplayOptions,
  "log" | "partition" | "range" | "configuration" | "readings" | "aggregates" | "onRecord"
> {
  /** What the log holds of `telemetry`, up to where the main stage has come: what it made of that lies in the log. */
  readonly telemetry: ScanRange;
}

/** As many as a unit of a stage has at most. */
const RECORDS_A_UNIT = 500;
const OWN = `${aggregate.name}@`;

/**
 * Makes the windows of a partition again, of the readings that the main stage has made, as it would have under the present configuration, and
 * compares them with those that are stored. Messages give the places and times, so that ticks, flushes and removals are where they
 * were. Changes nothing. LIMIT_EXCEEDED when too much differs.
 */
export async function replayAggregates(options: AggregateReplayOptions): Promise<PartitionResult> {
  const { log, telemetry, readings, aggregates, onRecord } = options;
  const source = new MessageReadings(log, readings, telemetry.offset, onRecord);
  try {
    const run = new AggregateReplay(options, source);
    await scanLog(log, [aggregates], (record) => {
      onRecord();
      run.stored(record);
      return undefined;
    });
    for await (const records of sliceReader(log, telemetry)) {
      const last = records.at(-1);
      if (last !== undefined) await source.readTo(last.offset);
      for (const record of records) {
        onRecord();
        run.process(record);
      }
    }
    return run.end();
  } finally {
    await source.close();
  }
}

class AggregateReplay {
  private readonly options: AggregateReplayOptions;
  private readonly engine: StagePartition;
  private readonly controls: PresentControls;
  private readonly known: ReadonlySet<string>;
  private readonly marks = new SourceMarks();
  private readonly windows = new WindowDifference();
  private readonly hash: Hash = createHash("sha256");
  private readonly source: MessageReadings;
  /** Of the message that is run, which the engine may do in several goes. */
  private made: readonly Reading[] = [];
  private results = 0;
  private deadLetters = 0;
  private unsealed = 0;

  constructor(options: AggregateReplayOptions, source: MessageReadings) {
    const { partition, configuration, telemetry } = options;
    this.options = options;
    this.controls = new PresentControls(configuration);
    this.known = new Set(configuration.devices.map(({ tenant, id }) => deviceKey(tenant, id)));
    const clean = storedReadings(() => this.made);
    this.source = source;
    const { name, input } = mainStage;
    const of = { stage: { name, input, functions: [clean, aggregate] }, partition, generation: 0 };
    this.engine = createStagePartition(of, configuredState(of, reporting(configuration), telemetry.offset));
  }

  /** Passes over what users' functions have made. */
  stored(record: LogRecord): void {
    if (isControlRecord(record) || record.header(HEADER.functionVersion)?.startsWith(OWN) !== true) return;
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    if (source === null || source.topic !== mainStage.input) return;
    const { offset, end } = this.options.telemetry;
    if (!this.marks.takeIfNew("aggregates", source.partition, source)) return;
    if (source.offset < offset || source.offset >= end) return;
    const told = aggregateSchema.safeParse(parseJson(record.value)).data;
    if (told !== undefined && this.isMeant(record.key, told)) this.windows.stored(record.key, source, told);
  }

  process(record: LogRecord): void {
    this.made = this.source.take(record.offset);
    const fed = isControlRecord(record) ? this.controls.of(record) : record;
    while (!this.engine.process(fed)) this.collect();
    this.unsealed += 1;
    if (this.unsealed >= RECORDS_A_UNIT) this.collect();
  }

  end(): PartitionResult {
    this.collect();
    const kept = new Set<string>();
    for (const { slots } of this.engine.snapshotChunks()) {
      for (const { fn, key, name } of slots) if (fn === aggregate.name) kept.add(`${key} ${name}`);
    }
    // A window's slot has its size and start for a name.
    const windows = this.windows.corrections((key, start, size) => kept.has(`${key} w/${size}/${start}`));
    return {
      corrections: windows.corrections.toSorted((a, b) => a.offset - b.offset),
      openWindows: windows.open,
      results: this.results,
      deadLetters: this.deadLetters,
      hash: this.hash.digest("hex"),
    };
  }

  private isMeant(key: string | null, { start, size }: Aggregate): key is string {
    const { from, to } = this.options.range;
    const ts = start + size - 1;
    return key !== null && this.known.has(key) && ts >= from && ts < to;
  }

  private collect(): void {
    this.unsealed = 0;
    for (const [topic, records] of takeReplayed(this.engine)) for (const record of records) this.note(topic, record);
  }

  private note(topic: TopicName, { key, value, headers }: RecordInput): void {
    const source = parseSourcePosition(headers.find(([name]) => name === HEADER.source)?.[1] ?? "");
    if (key === null || source === null) return;
    if (topic === "dead-letters") this.deadLetters += 1;
    if (topic === "aggregates") {
      const told = aggregateSchema.parse(parseJson(value));
      if (!this.isMeant(key, told)) return;
      this.windows.made(key, source.offset, told);
      this.results += 1;
      this.hash.update(key).update("\n").update(value).update("\n");
    } else if (topic === "device-events" && deviceEventSchema.safeParse(parseJson(value)).data?.kind === "removed") {
      this.windows.forget(key, source.offset);
    }
  }
}

/** In the place of `clean`: of each message what it has made of it then. */
function storedReadings(made: () => readonly Reading[]) {
  return defineMap<"telemetry">({
    name: "stored-readings",
    version: 1,
    input: "telemetry",
    outputs: ["readings"],
    process: (_message, context) => {
      for (const reading of made()) context.emit("readings", reading);
    },
  });
}
