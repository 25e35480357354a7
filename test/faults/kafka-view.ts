import { setTimeout as delay } from "node:timers/promises";
import { KafkaBrokerLink } from "../../log/kafka/kafka-broker.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import type { KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";

interface Replicas {
  readonly topic: string;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

const IN_SYNC_MS_MAX = 180_000;
const ASK_EVERY_MS = 500;
const ANSWER_MS_MAX = 3000;

/** Metadata of all topics, with what the product does not need to know: which replicas are in sync. */
const REPLICAS: KafkaApi<null, { readonly brokers: number; readonly partitions: readonly Replicas[] }> = {
  name: "Metadata",
  key: 3,
  version: 8,
  flexible: false,
  encode(writer) {
    writer.int32(-1).boolean(false).boolean(false).boolean(false);
  },
  decode(reader) {
    reader.int32();
    const brokers = reader.array(() => [reader.int32(), reader.string(), reader.int32(), reader.nullableString()]);
    reader.nullableString();
    reader.int32();
    const topics = reader.array(() => {
      reader.int16();
      const topic = reader.string();
      reader.boolean();
      const partitions = reader.array((): Replicas => {
        reader.int16();
        reader.int32();
        const leader = reader.int32();
        reader.int32();
        const replicas = reader.array(() => reader.int32());
        const inSync = reader.array(() => reader.int32());
        reader.array(() => reader.int32());
        return { topic, leader, replicas, inSync };
      });
      reader.int32();
      return partitions;
    });
    return { brokers: brokers.length, partitions: topics.flat() };
  },
};

/** DescribeQuorum (KIP-595): Metadata names any broker as the controller, this the one that is active. Resolves with its id. */
const ACTIVE_CONTROLLER: KafkaApi<null, number> = {
  name: "DescribeQuorum",
  key: 55,
  version: 0,
  flexible: true,
  encode(writer) {
    writer.compactArray(["__cluster_metadata"], (topic) => {
      writer.compactString(topic).compactArray([0], (partition) => writer.int32(partition).noTags());
      writer.noTags();
    });
    writer.noTags();
  },
  decode(reader) {
    reader.int16();
    let leader = -1;
    reader.compactArray(() => {
      reader.compactString();
      reader.compactArray(() => {
        reader.int32();
        reader.int16();
        leader = reader.int32();
        reader.int32();
        reader.int64();
        const replica = (): void => {
          reader.int32();
          reader.int64();
          reader.skipTags();
        };
        reader.compactArray(replica);
        reader.compactArray(replica);
        reader.skipTags();
      });
      reader.skipTags();
    });
    return leader;
  },
};

/** The brokers as an administrator's tools see them. */
export class KafkaView {
  private readonly links: readonly KafkaBrokerLink[];

  constructor(addresses: readonly BrokerAddress[]) {
    const times = { connectTimeoutMs: ANSWER_MS_MAX, requestTimeoutMs: ANSWER_MS_MAX };
    const client = createPlatformaticClient({ clientId: "faults", tls: null, sasl: null, ...times });
    this.links = addresses.map((address) => new KafkaBrokerLink(client, address));
  }

  /** The broker that leads most partitions of the topic. */
  async leaderOf(topic: string): Promise<number> {
    const { partitions } = await this.ask(REPLICAS);
    const led = new Map<number, number>();
    for (const { leader } of partitions.filter((one) => one.topic === topic)) {
      led.set(leader, (led.get(leader) ?? 0) + 1);
    }
    const [most] = [...led].toSorted(([, a], [, b]) => b - a);
    return most?.[0] ?? -1;
  }

  activeController(): Promise<number> {
    return this.ask(ACTIVE_CONTROLLER);
  }

  /** Resolves when every partition has all its replicas in sync. Rejects when that does not come about. */
  async untilInSync(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + IN_SYNC_MS_MAX;
    for (;;) {
      const seen = await this.ask(REPLICAS).catch(() => null);
      const behind = seen?.partitions.filter(({ replicas, inSync }) => inSync.length < replicas.length);
      if (seen?.brokers === this.links.length && behind?.length === 0) return;
      if (performance.now() > deadline) throw new Error(`not in sync: ${JSON.stringify(behind)}`);
      await delay(ASK_EVERY_MS, undefined, { signal });
    }
  }

  close(): void {
    for (const link of this.links) link.close();
  }

  /** The first answer, in turn. */
  private async ask<Answer>(api: KafkaApi<null, Answer>): Promise<Answer> {
    let failure: unknown;
    for (const link of this.links) {
      try {
        return await link.call(api, null);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}
