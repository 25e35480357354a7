import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../../../core/errors.ts";
import { KafkaReader } from "../../../../wire/kafka/kafka-reader.ts";
import { KafkaWriter } from "../../../../wire/kafka/kafka-writer.ts";
import { decodeRecordBatch } from "../../../../wire/record-batch-reader.ts";
import type { BrokerAddress, KafkaClient, KafkaConnection, RawRequest } from "../../../../log/kafka/kafka-client.ts";

/** One batch that a broker was asked to append. */
export interface ProducedBatch {
  readonly partition: number;
  readonly producer: number;
  readonly sequence: number;
  readonly values: readonly string[];
}

/** One Produce request. */
export interface ProduceCall {
  readonly broker: number;
  readonly batches: readonly ProducedBatch[];
}

export interface ProduceAnswer {
  readonly errorCode: number;
  readonly baseOffset: number;
}

const API = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetFetch: 9,
  findCoordinator: 10,
  createTopics: 19,
  initProducerId: 22,
} as const;
const CONTROLLER = 2;
const ERROR = { none: 0, unknownTopic: 3, notController: 41, notLeader: 6, notCoordinator: 16 } as const;

/**
 * Brokers behind the port of the client library: what they are asked is decoded, and the test says what they answer. `leaders` are
 * broker ids by partition of the topic `t`.
 */
export class FakeBrokers implements KafkaClient {
  leaders: number[];
  readonly produced: ProduceCall[] = [];
  /** What becomes of a batch; a rejection loses the whole request, a promise lets it wait. */
  onProduce: (batch: ProducedBatch, broker: number) => ProduceAnswer | Promise<ProduceAnswer>;
  producersGiven = 0;
  refusesProducers = false;
  readonly logs = new Map<number, string[]>();
  /** Whether the topic is there. */
  exists = true;
  /** So many times the leaders of new partitions do not know yet that they are. */
  unaware = 0;
  /** The broker that coordinates every group, and how many times somebody asked who does. */
  coordinator = 1;
  coordinatorsTold = 0;
  /** Brokers to which no connection can be made. */
  readonly dead = new Set<number>();

  constructor(leaders: number[]) {
    this.leaders = leaders;
    this.onProduce = (batch) => this.append(batch);
  }

  connect({ port }: BrokerAddress): Promise<KafkaConnection> {
    if (this.dead.has(port)) return Promise.reject(new MillraceError("LOG_LOST", `broker ${port} is dead`));
    const isDead = (): boolean => this.dead.has(port);
    return Promise.resolve({
      get isOpen() {
        return !isDead();
      },
      send: (request: RawRequest) => this.answer(port, request),
      close: () => undefined,
    });
  }

  /** Puts the batch into the log, as a broker that says nothing against it. */
  append({ partition, values }: ProducedBatch): ProduceAnswer {
    const log = this.logs.get(partition) ?? [];
    this.logs.set(partition, log);
    const baseOffset = log.length;
    log.push(...values);
    return { errorCode: 0, baseOffset };
  }

  private async answer(broker: number, { apiKey, body }: RawRequest): Promise<Buffer> {
    if (apiKey === API.metadata) return this.metadata();
    if (apiKey === API.produce) return this.produce(broker, new KafkaReader(Buffer.concat(body)));
    if (apiKey === API.fetch) return delay(5, this.fetch());
    if (apiKey === API.listOffsets) return this.listOffsets();
    if (apiKey === API.createTopics) return this.createTopics(broker);
    if (apiKey === API.findCoordinator) return this.findCoordinator();
    if (apiKey === API.offsetFetch) return this.fetchOffsets(broker);
    if (apiKey !== API.initProducerId) throw new Error(`the fake brokers know no api ${apiKey}`);
    if (this.refusesProducers) throw new MillraceError("LOG_IO", "no producer id");
    this.producersGiven += 1;
    return new KafkaWriter().int32(0).int16(0).int64(this.producersGiven).int16(0).finish();
  }

  /** Nothing new in the first partition. */
  private fetch(): Buffer {
    const writer = new KafkaWriter().int32(0).int16(0).int32(0);
    writer.array(["t"], (topic) => {
      writer
        .string(topic)
        .array([0], (partition) => writer.int32(partition).int16(0).int64(0).int64(0).int64(0).int32(0));
      writer.int32(-1).bytesOf([]);
    });
    return writer.finish();
  }

  private listOffsets(): Buffer {
    const errorCode = this.unaware-- > 0 ? ERROR.notLeader : ERROR.none;
    const writer = new KafkaWriter().int32(0);
    writer.array(["t"], (topic) => {
      const partitions = [...this.leaders.keys()];
      writer.string(topic).array(partitions, (one) => writer.int32(one).int16(errorCode).int64(-1).int64(0).int32(0));
    });
    return writer.finish();
  }

  private createTopics(broker: number): Buffer {
    const errorCode = broker === CONTROLLER ? ERROR.none : ERROR.notController;
    this.exists ||= errorCode === ERROR.none;
    const writer = new KafkaWriter().int32(0);
    return writer.array(["t"], (topic) => writer.string(topic).int16(errorCode).string(null)).finish();
  }

  private findCoordinator(): Buffer {
    this.coordinatorsTold += 1;
    const writer = new KafkaWriter().int32(0).int16(ERROR.none).string(null);
    return writer.int32(this.coordinator).string("broker").int32(this.coordinator).finish();
  }

  /** No group has committed anything. */
  private fetchOffsets(broker: number): Buffer {
    const errorCode = broker === this.coordinator ? ERROR.none : ERROR.notCoordinator;
    const writer = new KafkaWriter().int32(0);
    return writer
      .array([], () => undefined)
      .int16(errorCode)
      .finish();
  }

  private metadata(): Buffer {
    const brokers = [1, 2, 3];
    const writer = new KafkaWriter().int32(0);
    writer.array(brokers, (id) => writer.int32(id).string("broker").int32(id).string(null));
    writer.string("cluster").int32(CONTROLLER);
    writer.array(["t"], (topic) => {
      writer
        .int16(this.exists ? ERROR.none : ERROR.unknownTopic)
        .string(topic)
        .boolean(false);
      writer.array(this.exists ? [...this.leaders.entries()] : [], ([partition, leader]) => {
        writer.int16(0).int32(partition).int32(leader).int32(0);
        for (const replicas of [[leader], [leader], []]) writer.array(replicas, (id) => writer.int32(id));
      });
      writer.int32(0);
    });
    return writer.finish();
  }

  private async produce(broker: number, reader: KafkaReader): Promise<Buffer> {
    reader.nullableString();
    reader.int16();
    reader.int32();
    const [batches = []] = reader.array(() => {
      reader.string();
      return reader.array(() => batchOf(reader.int32(), reader.bytesOf()));
    });
    this.produced.push({ broker, batches });
    const answers = await Promise.all(batches.map(async (batch) => this.onProduce(batch, broker)));
    const writer = new KafkaWriter();
    writer.array(["t"], (topic) => {
      writer.string(topic).array([...answers.entries()], ([index, { errorCode, baseOffset }]) => {
        writer
          .int32(batches[index]?.partition ?? -1)
          .int16(errorCode)
          .int64(baseOffset)
          .int64(-1)
          .int64(0);
        writer.array([], () => undefined).string(null);
      });
    });
    return writer.int32(0).finish();
  }
}

function batchOf(partition: number, bytes: Buffer): ProducedBatch {
  return {
    partition,
    producer: Number(bytes.readBigInt64BE(43)),
    sequence: bytes.readInt32BE(53),
    values: decodeRecordBatch(Buffer.from(bytes)).records.map(({ value }) => Buffer.from(value).toString()),
  };
}
