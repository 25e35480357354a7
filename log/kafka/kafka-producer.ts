import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { INIT_PRODUCER_ID } from "../../wire/kafka/connection-apis.ts";
import { isRefusedForGood, isSequenceLost, KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { PRODUCE, type ProducedPartition, type ProducePartition } from "../../wire/kafka/produce.ts";
import { PartitionLane, type LaneProducer } from "./partition-lane.ts";
import { TurnClock } from "./turn-clock.ts";
import type { AppendGroup } from "../../core/event-log.ts";
import type { PackedRecord, RecordInput } from "../../core/record.ts";
import type { BatchCompression } from "../../wire/record-batch-compression.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

const RETRY_DELAY_MS = 50;
const START_RETRY_MS = 250;
const SWEEP_MS = 500;

/** Told of every batch that is in the log. */
export type OnAppended = (batch: {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
  readonly records: number;
  readonly bytes: number;
}) => void;

export interface KafkaProducerOptions {
  readonly cluster: KafkaCluster;
  readonly appendTimeoutMs: number;
  readonly onAppended: OnAppended;
  readonly compression: BatchCompression;
}

/**
 * Appends to topic-partitions, idempotent and with acks = all. Each partition is a lane with one batch under way. What several lanes
 * have for one broker goes in one request, because a broker takes a connection's requests one after the other; while it is under way
 * the lanes gather, so that batches grow with the load. A lane fails, is sent again and is refused by itself.
 */
export class KafkaProducer {
  private readonly options: KafkaProducerOptions;
  private readonly lanes: PartitionLane[] = [];
  /** By topic, then by partition: a key made of both would be made for every record. */
  private readonly lanesOf = new Map<string, Map<number, PartitionLane>>();
  readonly clock = new TurnClock();
  /** Lanes with something to send that wait for their broker, in the order in which they came. */
  private readonly ready = new Set<PartitionLane>();
  private readonly busyBrokers = new Set<number>();
  private readonly sweeper: NodeJS.Timeout;
  private producer: LaneProducer = { id: -1, epoch: -1 };
  private pumping = false;
  private queuedBytes = 0;
  private closed = false;

  constructor(options: KafkaProducerOptions) {
    this.options = options;
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
  }

  /** LOG_LOST when Kafka is not ready to take anything within its time. */
  async start(): Promise<void> {
    const deadline = performance.now() + this.options.appendTimeoutMs;
    for (;;) {
      try {
        this.producer = await this.newProducer();
        return;
      } catch (error) {
        // A broker that has just started loads its coordinators first.
        if (!isMillraceError(error) || error.retry !== "later" || performance.now() > deadline) throw error;
        await delay(START_RETRY_MS);
      }
    }
  }

  /** Copies the records and resolves with the offset of the first when all in-sync replicas have them. */
  append(topic: string, partition: number, records: readonly RecordInput[], bytesBound: number): Promise<number> {
    const refusal = this.refusal(bytesBound);
    if (refusal !== null) return Promise.reject(refusal);
    const lane = this.lane(topic, partition);
    this.queuedBytes += bytesBound;
    const appended = lane.append(records, bytesBound, this.clock.now() + this.options.appendTimeoutMs);
    if (!lane.underWay) this.makeReady(lane);
    return appended;
  }

  /** Copies the record into the batch that gathers for its partition. Throws when nothing is taken. */
  take(topic: string, partition: number, record: PackedRecord, bytesBound: number): AppendGroup {
    const refusal = this.refusal(bytesBound);
    if (refusal !== null) throw refusal;
    const lane = this.lane(topic, partition);
    this.queuedBytes += bytesBound;
    const group = lane.take(record, bytesBound, this.clock.now() + this.options.appendTimeoutMs);
    if (!lane.underWay) this.makeReady(lane);
    return group;
  }

  /** Resolves when nothing is under way any more, or at the signal, with what is left given up. */
  async close(signal: AbortSignal): Promise<void> {
    this.closed = true;
    while (!signal.aborted && this.lanes.some((lane) => !lane.isEmpty)) await delay(5);
    clearInterval(this.sweeper);
    const error = new MillraceError("LOG_CLOSED", "the log was closed before the records were known to be in it");
    for (const lane of this.lanes) lane.abandon(error);
  }

  private refusal(moreBytes: number): MillraceError | null {
    if (this.closed) return new MillraceError("LOG_CLOSED", "the log is closed");
    if (this.queuedBytes + moreBytes <= LIMITS.appendQueueBytesMax) return null;
    return new MillraceError("LOG_FULL", "Kafka takes records more slowly than they come");
  }

  private lane(topic: string, partition: number): PartitionLane {
    let ofTopic = this.lanesOf.get(topic);
    if (ofTopic === undefined) this.lanesOf.set(topic, (ofTopic = new Map()));
    let lane = ofTopic.get(partition);
    if (lane === undefined) {
      lane = new PartitionLane({ topic, partition }, this.producer, this.options.compression, (bytesBound) => {
        this.queuedBytes -= bytesBound;
      });
      ofTopic.set(partition, lane);
      this.lanes.push(lane);
    }
    return lane;
  }

  private makeReady(lane: PartitionLane): void {
    this.ready.add(lane);
    if (this.pumping) return;
    this.pumping = true;
    // What is appended in the same turn goes together.
    setImmediate(() => {
      this.pumping = false;
      this.pump();
    });
  }

  private pump(): void {
    const byBroker = new Map<number, PartitionLane[]>();
    for (const lane of this.ready) {
      const leader = this.options.cluster.leaderOf(lane.topic, lane.partition);
      if (leader === null) {
        this.ready.delete(lane);
        lane.underWay = true;
        void this.retry([lane]);
      } else if (!this.busyBrokers.has(leader)) {
        const lanes = byBroker.get(leader) ?? [];
        byBroker.set(leader, lanes);
        lanes.push(lane);
      }
    }
    for (const [broker, lanes] of byBroker) void this.sendTo(broker, lanes);
  }

  private async sendTo(broker: number, candidates: readonly PartitionLane[]): Promise<void> {
    const { lanes, partitions } = this.takeHeads(candidates);
    if (lanes.length === 0) return;
    this.busyBrokers.add(broker);
    try {
      const link = this.options.cluster.link(broker, "produce");
      const produced = await link.call(PRODUCE, { timeoutMs: LIMITS.kafkaRequestTimeoutMs, partitions });
      this.settle(lanes, produced);
    } catch {
      // Whether the broker has the batches is not known: each is sent again until one says so.
      void this.retry(lanes);
    } finally {
      this.busyBrokers.delete(broker);
      this.pump();
    }
  }

  /** As many heads as go into one request, at least one. */
  private takeHeads(candidates: readonly PartitionLane[]): { lanes: PartitionLane[]; partitions: ProducePartition[] } {
    const lanes: PartitionLane[] = [];
    const partitions: ProducePartition[] = [];
    let bytes = 0;
    for (const lane of candidates) {
      if (bytes >= LIMITS.produceRequestBytesMax) break;
      this.ready.delete(lane);
      const batch = lane.head();
      if (batch === null) continue;
      lane.underWay = true;
      bytes += batch.length;
      lanes.push(lane);
      partitions.push({ topic: lane.topic, partition: lane.partition, batch });
    }
    return { lanes, partitions };
  }

  private settle(lanes: readonly PartitionLane[], produced: readonly ProducedPartition[]): void {
    const results = new Map(produced.map((result) => [`${result.topic}/${result.partition}`, result]));
    const failed: PartitionLane[] = [];
    for (const lane of lanes) {
      const result = results.get(`${lane.topic}/${lane.partition}`);
      if (result === undefined || !this.settleLane(lane, result)) failed.push(lane);
      else this.next(lane);
    }
    if (failed.length > 0) void this.retry(failed);
  }

  /** False when the lane cannot go on at once: the head has to go again, or the sequence begins anew. */
  private settleLane(lane: PartitionLane, { errorCode, errorMessage, baseOffset }: ProducedPartition): boolean {
    if (errorCode === KAFKA_ERROR.none) {
      const { records, bytes } = lane.acknowledge(baseOffset);
      const { topic, partition } = lane;
      this.options.onAppended({ topic, partition, records, bytes, nextOffset: baseOffset + records });
      return true;
    }
    if (errorCode === KAFKA_ERROR.duplicateSequence) {
      lane.acknowledgeSomewhere();
      return true;
    }
    if (isRefusedForGood(errorCode)) {
      const why = errorMessage === null ? kafkaErrorText(errorCode) : `${kafkaErrorText(errorCode)}: ${errorMessage}`;
      lane.refuse(new MillraceError("LOG_IO", `Kafka refuses records for ${lane.topic}/${lane.partition}: ${why}`));
      return !lane.sequenceLost;
    }
    lane.sequenceLost = isSequenceLost(errorCode);
    return false;
  }

  private next(lane: PartitionLane): void {
    lane.underWay = false;
    if (!lane.isEmpty) this.makeReady(lane);
  }

  private async retry(lanes: readonly PartitionLane[]): Promise<void> {
    const failures = Math.max(...lanes.map((lane) => ++lane.failures));
    await delay(Math.min(RETRY_DELAY_MS * 2 ** (failures - 1), LIMITS.kafkaRetryDelayMsMax));
    if (this.closed && lanes.every((lane) => lane.isEmpty)) return;
    await this.options.cluster.refresh().catch(() => undefined);
    for (const lane of lanes) {
      if (lane.sequenceLost) void this.restartSequence(lane);
      else this.next(lane);
    }
  }

  private async restartSequence(lane: PartitionLane): Promise<void> {
    try {
      lane.restartSequence(await this.newProducer());
      this.next(lane);
    } catch {
      // No broker gives an id now, and under the old one nothing may go.
      void this.retry([lane]);
    }
  }

  private async newProducer(): Promise<LaneProducer> {
    const { errorCode, id, epoch } = await this.options.cluster.callAny(INIT_PRODUCER_ID, null);
    if (errorCode === KAFKA_ERROR.none) return { id, epoch };
    throw new MillraceError("LOG_LOST", `Kafka gives no producer id: ${kafkaErrorText(errorCode)}`);
  }

  private sweep(): void {
    const now = performance.now();
    const { appendTimeoutMs } = this.options;
    for (const lane of this.lanes) {
      lane.expire(now, () => {
        const text = `Kafka has not acknowledged records for ${lane.topic}/${lane.partition} within ${appendTimeoutMs} ms`;
        return new MillraceError("LOG_IO", `${text}: it may have them, or take them later`);
      });
    }
  }
}
