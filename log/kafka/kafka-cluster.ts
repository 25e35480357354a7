import { MillraceError } from "../../core/errors.ts";
import { METADATA, type ClusterMetadata } from "../../wire/kafka/metadata.ts";
import { isLost, KafkaBrokerLink } from "./kafka-broker.ts";
import type { KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { BrokerAddress, KafkaClient } from "./kafka-client.ts";

export interface KafkaClusterOptions {
  readonly client: KafkaClient;
  /** Brokers that are asked first for the others. At least one. */
  readonly bootstrap: readonly BrokerAddress[];
}

/**
 * The brokers, and which of them leads which partition, as far as known. Links are kept per broker and purpose: a broker answers the
 * requests of one connection one after the other, so that what waits (a fetch) must not stand before what does not.
 */
export class KafkaCluster {
  metadata: ClusterMetadata = { brokers: [], clusterId: null, controller: -1, topics: [] };
  /** Brokers that coordinate groups, as they were last found: `callCoordinator` keeps it. */
  readonly coordinators = new Map<string, number>();
  private readonly options: KafkaClusterOptions;
  private readonly links = new Map<string, KafkaBrokerLink>();
  private readonly leaders = new Map<string, number>();
  private readonly topics = new Set<string>();
  private refreshing: Promise<ClusterMetadata> | null = null;
  /** Who answered what everybody may be asked. */
  private answering: KafkaBrokerLink | null = null;
  private closed = false;

  constructor(options: KafkaClusterOptions) {
    this.options = options;
  }

  /** Topics that metadata is asked of from now on. */
  follow(topics: readonly string[]): void {
    for (const topic of topics) this.topics.add(topic);
  }

  /** The broker that leads, or null while none is known. */
  leaderOf(topic: string, partition: number): number | null {
    return this.leaders.get(`${topic}/${partition}`) ?? null;
  }

  /** A link to the broker, for one purpose. LOG_LOST when the broker is not known (any more), LOG_CLOSED after `close`. */
  link(broker: number, purpose: string): KafkaBrokerLink {
    const address = this.metadata.brokers.find(({ id }) => id === broker);
    if (address === undefined) throw new MillraceError("LOG_LOST", `Kafka names no broker ${broker}`);
    return this.linkTo(address, `${purpose} ${broker}`);
  }

  /** Asks the broker that leads the partition. */
  callLeader<Q, A>(topic: string, partition: number, api: KafkaApi<Q, A>, request: Q): Promise<A> {
    const leader = this.leaderOf(topic, partition);
    if (leader === null) throw new MillraceError("LOG_LOST", `no broker leads ${topic}/${partition}`);
    return this.link(leader, "control").call(api, request);
  }

  /** Asks one broker after the other until one answers: first the one that did the last time. Throws the last failure. */
  async callAny<Q, A>(api: KafkaApi<Q, A>, request: Q): Promise<A> {
    let failure: unknown = new MillraceError("LOG_LOST", "no Kafka broker is known");
    const known = this.metadata.brokers.map((broker) => this.linkTo(broker, `control ${broker.id}`));
    const first = this.options.bootstrap.map((address) =>
      this.linkTo(address, `bootstrap ${address.host}:${address.port}`),
    );
    // One that stands still takes a request's whole time-out: not again with each question.
    const inTurn = [...known, ...first].toSorted((a, b) => Number(b === this.answering) - Number(a === this.answering));
    for (const link of inTurn) {
      try {
        const answer = await link.call(api, request);
        this.answering = link;
        return answer;
      } catch (error) {
        if (!isLost(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** Asks the controller: before Kafka 4 no other broker need take what changes topics. */
  async callController<Q, A>(api: KafkaApi<Q, A>, request: Q): Promise<A> {
    try {
      return await this.link(this.metadata.controller, "control").call(api, request);
    } catch (error) {
      if (!isLost(error)) throw error;
      return this.callAny(api, request);
    }
  }

  /** Asks for brokers and leaders again. Those who ask at the same time share one answer. */
  refresh(): Promise<ClusterMetadata> {
    this.refreshing ??= this.load().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  /** Closes the links of one purpose. */
  release(purpose: string): void {
    for (const [key, link] of this.links) {
      if (!key.startsWith(`${purpose} `)) continue;
      link.close();
      this.links.delete(key);
    }
  }

  /** Names of all topics that may be seen and begin with `prefix`. */
  async topicsWith(prefix: string): Promise<string[]> {
    const { topics } = await this.callAny(METADATA, null);
    return topics.map(({ topic }) => topic).filter((topic) => topic.startsWith(prefix));
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
    this.links.clear();
  }

  private async load(): Promise<ClusterMetadata> {
    const metadata = await this.callAny(METADATA, [...this.topics]);
    this.metadata = metadata;
    this.leaders.clear();
    for (const { topic, partitions } of metadata.topics) {
      for (const { partition, leader } of partitions) {
        if (leader >= 0) this.leaders.set(`${topic}/${partition}`, leader);
      }
    }
    return metadata;
  }

  private linkTo({ host, port }: BrokerAddress, key: string): KafkaBrokerLink {
    if (this.closed) throw new MillraceError("LOG_CLOSED", "the log is closed");
    const known = this.links.get(key);
    if (known?.address.host === host && known.address.port === port) return known;
    // A broker that moved.
    known?.close();
    const link = new KafkaBrokerLink(this.options.client, { host, port });
    this.links.set(key, link);
    return link;
  }
}
