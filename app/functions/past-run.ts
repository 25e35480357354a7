import { madeControlRecord, recordAt } from "../../core/made-record.ts";
import { createStagePartition, type StagePartition } from "../../engine/stage-partition.ts";
import { functionStage, joinStage } from "../../kit/function-stages.ts";
import { configuredState } from "./configured-state.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { TopicName } from "../../core/topics.ts";
import type { DeviceConfiguration } from "./history/reading-history.ts";

export interface PastOutputs {
  /** Of the readings that they were made of; null of what was joined. */
  readonly partition: number | null;
  readonly topic: TopicName;
  readonly records: readonly RecordInput[];
}

interface Lane {
  readonly partition: number | null;
  readonly engine: StagePartition;
  /** The offset of the last record, and the greatest receive time. */
  offset: number;
  received: number;
}

/**
 * Functions over readings of the past, from no state. As live, each partition of readings is a partition of the stage of functions; what these
 * send to be joined meets in one partition, at once, so that the order in which readings are taken is the order in which they meet.
 */
export class PastRun {
  private readonly stage: StageDefinition;
  private readonly configuration: DeviceConfiguration;
  private readonly onOutputs: (outputs: PastOutputs) => void;
  private readonly lanes = new Map<number, Lane>();
  private readonly joins: Lane | null;

  constructor(
    functions: readonly StageFunction[],
    configuration: DeviceConfiguration,
    onOutputs: (outputs: PastOutputs) => void,
  ) {
    this.stage = functionStage(functions);
    this.configuration = configuration;
    this.onOutputs = onOutputs;
    const joining = joinStage(functions);
    this.joins = joining === null ? null : this.begin(joining, null, 1);
  }

  take(partition: number, records: readonly LogRecord[]): void {
    const [first] = records;
    if (first === undefined) return;
    const known = this.lanes.get(partition);
    const lane = known ?? this.begin(this.stage, partition, first.offset);
    if (known === undefined) this.lanes.set(partition, lane);
    for (const record of records) this.process(lane, record);
    this.collect(lane);
  }

  /** Moves the time of the partition's devices to `upTo`, once. */
  flushPartition(partition: number, upTo: number): void {
    const lane = this.lanes.get(partition);
    if (lane !== undefined) this.flush(lane, upTo);
  }

  /** The same of all partitions, which pass it on to what is joined. */
  flushAll(upTo: number): void {
    for (const [, lane] of [...this.lanes].sort(([a], [b]) => a - b)) this.flush(lane, upTo);
  }

  private begin(stage: StageDefinition, partition: number | null, offset: number): Lane {
    const options = { stage, partition: partition ?? 0, generation: 0 };
    const { byPartition, ...all } = this.configuration;
    const own = partition === null ? undefined : byPartition?.get(partition);
    const configuration = own === undefined ? all : { ...all, devices: own };
    const engine = createStagePartition(options, configuredState(options, configuration, offset));
    return { partition, engine, offset: offset - 1, received: 0 };
  }

  private flush(lane: Lane, upTo: number): void {
    const received = Math.max(lane.received, upTo);
    this.process(lane, madeControlRecord(lane.offset + 1, received, { v: 1, kind: "flush", upTo }));
    this.collect(lane);
  }

  private process(lane: Lane, record: LogRecord): void {
    lane.offset = record.offset;
    lane.received = Math.max(lane.received, record.timestamp);
    while (!lane.engine.process(record)) this.collect(lane);
  }

  private collect({ partition, engine }: Lane): void {
    for (const [topic, records] of engine.takeOutputs()) {
      if (topic === "repartition") this.join(records);
      else this.onOutputs({ partition, topic, records });
    }
  }

  private join(sent: readonly RecordInput[]): void {
    const { joins } = this;
    if (joins === null) return;
    for (const record of sent) {
      this.process(joins, recordAt(record, joins.offset + 1));
    }
    this.collect(joins);
  }
}
