import type { DeliveryQos, QueuedDelivery, QueuedMessage, SessionStore } from "./session-store.ts";

/** What waits to be delivered to one client, or is delivered and not acknowledged, in order. */
export interface DeliveryQueue {
  /** The oldest above `after`, `count` at most. */
  read(after: number, count: number): Promise<readonly QueuedDelivery[]>;
  /** Acknowledged or too old: gone. */
  settle(sequence: number): Promise<void>;
  /** With QoS 2: only PUBREL may follow. */
  release(sequence: number): Promise<void>;
}

/** Of a session that outlives its connections. */
export function storedDeliveryQueue(store: SessionStore, client: string): DeliveryQueue {
  return {
    read: (after, count) => store.queued(client, after, count),
    settle: (sequence) => store.settle(client, sequence),
    release: (sequence) => store.release(client, sequence),
  };
}

/** About what a delivery takes besides its payload and topic: without it, empty messages would cost nothing. */
const DELIVERY_BYTES = 256;

/** Of a session that ends with its connection: what is in it is gone with it. */
export class MemoryDeliveryQueue implements DeliveryQueue {
  /** Of memory that it takes, about. */
  bytes = 0;
  readonly #deliveries = new Map<number, QueuedDelivery>();
  #newest = 0;

  push(message: QueuedMessage, qos: DeliveryQos): void {
    const sequence = ++this.#newest;
    this.#deliveries.set(sequence, { ...message, qos, sequence, released: false });
    this.bytes += bytesOf(message);
  }

  read(after: number, count: number): Promise<readonly QueuedDelivery[]> {
    const found: QueuedDelivery[] = [];
    for (let sequence = after + 1; sequence <= this.#newest && found.length < count; sequence++) {
      const delivery = this.#deliveries.get(sequence);
      if (delivery !== undefined) found.push(delivery);
    }
    return Promise.resolve(found);
  }

  settle(sequence: number): Promise<void> {
    const delivery = this.#deliveries.get(sequence);
    if (delivery !== undefined) this.bytes -= bytesOf(delivery);
    this.#deliveries.delete(sequence);
    return Promise.resolve();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

function bytesOf({ topic, payload }: QueuedMessage): number {
  return DELIVERY_BYTES + topic.length + payload.length;
}
