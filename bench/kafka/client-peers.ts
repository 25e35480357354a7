import { Producer } from "@platformatic/kafka";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import type { RecordInput } from "../../core/record.ts";

/** What the same records cost through the producers of the libraries themselves. */
export interface Peer {
  readonly name: string;
  append(topic: string, partition: number, records: readonly RecordInput[]): Promise<unknown>;
  close(): Promise<unknown>;
}

export function platformaticPeer(brokers: string): Peer {
  const producer = new Producer({ clientId: "bench", bootstrapBrokers: brokers.split(","), acks: -1 });
  return {
    name: "@platformatic/kafka, its own send",
    append: (topic, partition, records) =>
      producer.send({
        messages: records.map(({ key, value, timestamp }) => {
          return {
            topic,
            partition,
            key: Buffer.from(key ?? ""),
            value: Buffer.from(value.buffer, value.byteOffset, value.length),
            timestamp: BigInt(timestamp),
          };
        }),
        acks: -1,
      }),
    close: () => producer.close(),
  };
}

export async function kafkajsPeer(brokers: string): Promise<Peer> {
  const kafka = new Kafka({ clientId: "bench", brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return {
    name: "kafkajs, its own send",
    append: (topic, partition, records) =>
      producer.send({
        topic,
        acks: -1,
        messages: records.map(({ key, value, timestamp }) => {
          return { partition, key, value: Buffer.from(value), timestamp: String(timestamp) };
        }),
      }),
    close: () => producer.disconnect(),
  };
}
