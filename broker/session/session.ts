import { encodePublish } from "../../wire/mqtt-publish.ts";
import { filterCoveredBy } from "../filter-cover.ts";
import { deviceKeyOf } from "../topic-acl.ts";
import { Deliveries, type DeliveriesOptions, NOTHING_SENT, type SentBefore, type SessionPeer } from "./deliveries.ts";
import { type DeliveryQueue, MemoryDeliveryQueue } from "./delivery-queue.ts";
import type { KeptSession, KeptSubscription, QueuedMessage } from "./session-store.ts";
import { sharedFilterOf } from "./shared-filter.ts";

export type Qos = 0 | 1 | 2;

export interface Subscription {
  /** Without `$share/group/`. */
  readonly filter: string;
  readonly isShared: boolean;
  readonly qos: Qos;
  /** Of a shared one: when it got its last message, in turns of the router. */
  servedAt: number;
}

/** A client's subscriptions, and what it is to be sent. It is kept, and then outlives its connections, or ends with the one it has. */
export class Session {
  /** `tenant/device/client id`. */
  readonly client: string;
  readonly isKept: boolean;
  disconnectedAt: number | null = null;
  /** When it was last put into the store, here or by another gateway, UTC ms. */
  putAt = 0;
  /** When nothing of its last connection waits for the log any more. */
  settled: Promise<void> = Promise.resolve();
  readonly #queue: DeliveryQueue;
  readonly #memory: MemoryDeliveryQueue | null;
  readonly #options: DeliveriesOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  /** What its own filters grant for a topic, shared ones aside: null for nothing. */
  readonly #granted = new Map<string, Qos | null>();
  #shared: readonly (readonly [name: string, subscription: Subscription])[] | null = null;
  #peer: SessionPeer | null = null;
  /** The peer has its CONNACK: nothing may be in front of that [MQTT-3.2.0-1]. */
  #isOpen = false;
  #deliveries: Deliveries | null = null;
  #sentBefore: SentBefore = NOTHING_SENT;
  /** Look-ups of retained messages that are under way, and the topics of which it got a message since: those are newer. */
  #lookUps = 0;
  readonly #overtaken = new Set<string>();

  /** `queue` is null for a session that ends with its connection. */
  constructor(client: string, queue: DeliveryQueue | null, options: DeliveriesOptions) {
    this.client = client;
    this.isKept = queue !== null;
    this.#queue = queue ?? new MemoryDeliveryQueue();
    this.#memory = this.#queue instanceof MemoryDeliveryQueue ? this.#queue : null;
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#peer !== null;
  }

  /** It has this connection, or none. */
  isFreeFor(peer: SessionPeer): boolean {
    return this.#peer === null || this.#peer === peer;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  /** Its shared filters, by what the client called them. Asked for each message: made once per change. */
  get shared(): readonly (readonly [name: string, subscription: Subscription])[] {
    return (this.#shared ??= [...this.#subscriptions].filter(([, { isShared }]) => isShared));
  }

  /** Devices (`tenant/device`) whose topics it asks for. */
  get keys(): ReadonlySet<string> {
    const keys = [...this.#subscriptions.values()].map(({ filter }) => deviceKeyOf(filter));
    return new Set(keys.filter((key) => key !== null));
  }

  /** As it is kept. */
  get record(): KeptSession {
    const subscriptions: KeptSubscription[] = [...this.#subscriptions].map(([filter, { qos }]) => ({ filter, qos }));
    return { client: this.client, subscriptions, disconnectedAt: this.disconnectedAt };
  }

  has(filter: string): boolean {
    return this.#subscriptions.has(filter);
  }

  subscribe(name: string, qos: Qos): void {
    const shared = sharedFilterOf(name);
    if (shared === "malformed") return;
    this.#subscriptions.set(name, { filter: shared?.filter ?? name, isShared: shared !== null, qos, servedAt: 0 });
    this.#changed();
  }

  replaceSubscriptions(subscriptions: readonly KeptSubscription[]): void {
    this.#subscriptions.clear();
    this.#changed();
    for (const { filter, qos } of subscriptions) this.subscribe(filter, qos);
  }

  unsubscribe(name: string): void {
    this.#subscriptions.delete(name);
    this.#changed();
  }

  /** What was made of the subscriptions before does not hold any more. */
  #changed(): void {
    this.#granted.clear();
    this.#shared = null;
  }

  /** The highest QoS that its filters grant for the topic [MQTT-3.3.5-1], shared ones aside; null when none matches. */
  grants(topic: string): Qos | null {
    let granted = this.#granted.get(topic);
    if (granted !== undefined) return granted;
    granted = null;
    for (const { filter, isShared, qos } of this.#subscriptions.values()) {
      if (!isShared && (granted === null || qos > granted) && filterCoveredBy(topic, filter)) granted = qos;
    }
    this.#granted.set(topic, granted);
    return granted;
  }

  /** The session goes on with this connection, from `open` on. `sentBefore`, unless this is where its last one was. */
  attach(peer: SessionPeer, sentBefore?: SentBefore): void {
    if (this.#deliveries !== null) this.#sentBefore = this.#deliveries.end();
    this.#peer = peer;
    this.disconnectedAt = null;
    this.#deliveries = new Deliveries(this.#queue, peer, sentBefore ?? this.#sentBefore, this.#options);
    this.#isOpen = false;
  }

  open(): void {
    this.#isOpen = true;
    this.poke();
  }

  /** False when another connection has it by now. */
  detach(peer: SessionPeer, now: number): boolean {
    if (this.#peer !== peer) return false;
    if (this.#deliveries !== null) this.#sentBefore = this.#deliveries.end();
    this.#peer = null;
    this.#isOpen = false;
    this.#deliveries = null;
    this.disconnectedAt = now;
    return true;
  }

  get deliveries(): Deliveries | null {
    return this.#deliveries;
  }

  /** There is more in its queue, or its connection can be sent more. */
  poke(): void {
    if (this.#isOpen) this.#deliveries?.poke();
  }

  /** With QoS 0, now or not at all. */
  deliverNow(topic: string, payload: Uint8Array, retain: boolean): void {
    this.heard(topic);
    if (this.#peer === null || !this.#isOpen) return;
    if (this.#peer.queuedBytes > this.#options.limits.subscriberQueueBytesMax) return this.#peer.end("subscriber-slow");
    this.#peer.write(encodePublish({ topic, payload, qos: 0, retain, dup: false, packetId: 0 }));
  }

  /** With QoS 1 or 2, for a session that is not kept: that of a kept one is queued by the store. */
  push(message: QueuedMessage, qos: 1 | 2): void {
    this.heard(message.topic);
    if (this.#peer === null || this.#memory === null) return;
    this.#memory.push(message, qos);
    const queued = this.#memory.bytes + this.#peer.queuedBytes;
    if (queued > this.#options.limits.subscriberQueueBytesMax) return this.#peer.end("subscriber-slow");
    this.poke();
  }

  /** It gets a message of this topic. */
  heard(topic: string): void {
    if (this.#lookUps > 0) this.#overtaken.add(topic);
  }

  /** Looks retained messages up, and leaves those out that a newer message has overtaken meanwhile. */
  async newest<T extends { readonly topic: string }>(lookUp: Promise<readonly T[]>): Promise<readonly T[]> {
    this.#lookUps += 1;
    try {
      const found = await lookUp;
      return found.filter(({ topic }) => !this.#overtaken.has(topic));
    } finally {
      this.#lookUps -= 1;
      if (this.#lookUps === 0) this.#overtaken.clear();
    }
  }
}

/** The QoS of a delivery: the lower of what the message has and what the filter grants (3.8.4). */
export function lowerQos(qos: Qos, granted: Qos): Qos {
  return qos < granted ? qos : granted;
}
