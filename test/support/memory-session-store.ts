import type {
  KeptSession,
  QueuedDelivery,
  QueuedMessage,
  QueueOutcome,
  QueueTaker,
  QueueTarget,
  RetainedMessage,
  SessionStore,
  SessionStoreLimits,
} from "../../broker/session/session-store.ts";
import { TOO_OLD_AT_ONCE } from "../../broker/session/session-values.ts";

interface Kept {
  session: KeptSession;
  last: number;
  readonly queue: Map<number, QueuedDelivery>;
  readonly received: Map<number, string>;
}

/** A session store that keeps everything in memory and answers at once: for tests of what uses one, and the model for tests of others. */
export class MemorySessionStore implements SessionStore {
  private readonly limits: SessionStoreLimits;
  private readonly kept = new Map<string, Kept>();
  private readonly retainedByTopic = new Map<string, RetainedMessage>();

  constructor(limits: SessionStoreLimits) {
    this.limits = limits;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  load(): Promise<readonly KeptSession[]> {
    return Promise.resolve([...this.kept.values()].map(({ session }) => session));
  }

  find(client: string): Promise<KeptSession | null> {
    return Promise.resolve(this.kept.get(client)?.session ?? null);
  }

  put(session: KeptSession): Promise<void> {
    const kept = this.kept.get(session.client);
    if (kept === undefined) this.kept.set(session.client, { session, last: 0, queue: new Map(), received: new Map() });
    else kept.session = session;
    return Promise.resolve();
  }

  remove(client: string): Promise<void> {
    this.kept.delete(client);
    return Promise.resolve();
  }

  enqueue(message: QueuedMessage, targets: readonly QueueTarget[]): Promise<QueueOutcome> {
    const { topic, retain, queuedAt } = message;
    const payload = Uint8Array.from(message.payload);
    let expired = 0;
    const add = ({ client, qos }: QueueTarget): QueueTaker => {
      const kept = this.kept.get(client);
      if (kept === undefined) return "absent";
      const old = [...kept.queue.values()];
      const fresh = old.findIndex((delivery) => delivery.queuedAt >= queuedAt - this.limits.sessionMessageAgeMaxMs);
      const tooOld = (fresh < 0 ? old : old.slice(0, fresh)).filter(({ released }) => !released);
      if (this.breaches(kept, payload.length)) {
        for (const [index, { sequence }] of tooOld.entries()) {
          if (index >= TOO_OLD_AT_ONCE && !this.breaches(kept, payload.length)) break;
          kept.queue.delete(sequence);
          expired += 1;
        }
        if (this.breaches(kept, payload.length)) return "full";
      }
      kept.last += 1;
      kept.queue.set(kept.last, { topic, payload, retain, queuedAt, sequence: kept.last, qos, released: false });
      return { client };
    };
    const takers = targets.map((target) => {
      let found: QueueTaker = "absent";
      for (const one of [target, ...(target.others ?? [])]) {
        const taker = add(one);
        if (taker !== "absent") found = taker;
        if (typeof taker !== "string") break;
      }
      return found;
    });
    return Promise.resolve({ takers, expired });
  }

  queued(client: string, after: number, count: number): Promise<readonly QueuedDelivery[]> {
    const deliveries = [...(this.kept.get(client)?.queue.values() ?? [])];
    return Promise.resolve(deliveries.filter(({ sequence }) => sequence > after).slice(0, count));
  }

  settle(client: string, sequence: number): Promise<void> {
    this.kept.get(client)?.queue.delete(sequence);
    return Promise.resolve();
  }

  release(client: string, sequence: number): Promise<void> {
    const queue = this.kept.get(client)?.queue;
    const delivery = queue?.get(sequence);
    if (delivery !== undefined) queue?.set(sequence, { ...delivery, released: true });
    return Promise.resolve();
  }

  received(client: string): Promise<ReadonlyMap<number, string>> {
    return Promise.resolve(new Map(this.kept.get(client)?.received));
  }

  receive(client: string, packetId: number, admissionId: string): Promise<void> {
    this.kept.get(client)?.received.set(packetId, admissionId);
    return Promise.resolve();
  }

  complete(client: string, packetId: number): Promise<void> {
    this.kept.get(client)?.received.delete(packetId);
    return Promise.resolve();
  }

  retain(message: RetainedMessage): Promise<boolean> {
    const { topic, qos } = message;
    if (message.payload.length === 0) {
      this.retainedByTopic.delete(topic);
      return Promise.resolve(true);
    }
    const isNew = !this.retainedByTopic.has(topic);
    if (isNew && this.retainedByTopic.size >= this.limits.retainedMessagesMax) return Promise.resolve(false);
    this.retainedByTopic.set(topic, { topic, qos, payload: Uint8Array.from(message.payload) });
    return Promise.resolve(true);
  }

  retained(prefix: string): Promise<readonly RetainedMessage[]> {
    return Promise.resolve([...this.retainedByTopic.values()].filter(({ topic }) => topic.startsWith(prefix)));
  }

  private breaches(kept: Kept, bytes: number): boolean {
    const { sessionQueueMessagesMax, sessionQueueBytesMax, sessionStoreBytesMax } = this.limits;
    const queuedBytes = bytesOf(kept) + bytes;
    const allBytes = [...this.kept.values()].reduce((sum, one) => sum + bytesOf(one), 0) + bytes;
    return (
      kept.queue.size >= sessionQueueMessagesMax ||
      queuedBytes > sessionQueueBytesMax ||
      allBytes > sessionStoreBytesMax
    );
  }
}

function bytesOf(kept: Kept): number {
  return [...kept.queue.values()].reduce((sum, { payload }) => sum + payload.length, 0);
}
