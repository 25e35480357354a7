import { DraftTable } from "./draft-table.ts";
import { QueueCounts, type QueueTotals } from "./queue-counts.ts";
import { RetainedDraft } from "./retained-draft.ts";
import {
  asReleased,
  decodeDelivery,
  decodeSession,
  encodeSession,
  payloadBytes,
  queuedAtOf,
  TOO_OLD_AT_ONCE,
  withQos,
} from "../session/session-values.ts";
import type { QueueCount } from "./queue-counts.ts";
import type { SessionEnvironment } from "./session-environment.ts";
import type {
  DeliveryQos,
  KeptSession,
  QueuedDelivery,
  QueueOutcome,
  QueueTaker,
  QueueTarget,
  RetainedMessage,
  SessionStoreLimits,
} from "../session/session-store.ts";

const SESSION = 0;
const LAST = 1;
const SEQUENCE_BYTES = 6;

/** What is in the environment, and what the calls of one commit make of it before they are committed. */
export class SessionDraft {
  readonly #environment: SessionEnvironment;
  readonly #limits: SessionStoreLimits;
  readonly #counts = new QueueCounts();
  readonly #sessions: DraftTable;
  readonly #queues: DraftTable;
  readonly #receivedIds: DraftTable;
  readonly #retainedMessages: RetainedDraft;
  #nextSlot = 1;
  /** Values that cannot be read. */
  damaged = 0;

  constructor(environment: SessionEnvironment, limits: SessionStoreLimits) {
    this.#environment = environment;
    this.#limits = limits;
    this.#sessions = new DraftTable(environment.sessions);
    this.#queues = new DraftTable(environment.queues);
    this.#receivedIds = new DraftTable(environment.received);
    this.#retainedMessages = new RetainedDraft(environment.retained);
  }

  get totals(): QueueTotals {
    return this.#counts.totals;
  }

  /** Reads and counts everything. Called once, and first. */
  load(): readonly KeptSession[] {
    const sessions: KeptSession[] = [];
    const queues = this.#readQueues();
    for (const { key, value } of this.#environment.sessions.getRange()) {
      const [slot, id] = key;
      this.#nextSlot = Math.max(this.#nextSlot, slot + 1);
      const session = id === SESSION ? decodeSession(value) : null;
      if (id === SESSION && session === null) this.damaged += 1;
      if (session === null) continue;
      const queue = queues.get(slot) ?? { slot, last: 0, messages: 0, bytes: 0 };
      const last = this.#environment.sessions.get([slot, LAST])?.readUIntBE(0, SEQUENCE_BYTES) ?? 0;
      this.#counts.set(session.client, { ...queue, last: Math.max(queue.last, last) });
      sessions.push(session);
    }
    this.#counts.landed();
    return sessions;
  }

  put(session: KeptSession): void {
    const slot = this.#counts.get(session.client)?.slot ?? this.#newSlot(session.client);
    this.#sessions.set(slot, SESSION, encodeSession(session));
  }

  find(client: string): KeptSession | null {
    const slot = this.#counts.get(client)?.slot;
    const value = slot === undefined ? null : this.#sessions.get(slot, SESSION);
    return value === null ? null : decodeSession(value);
  }

  remove(client: string): void {
    const count = this.#counts.get(client);
    if (count === null) return;
    this.#counts.set(client, null);
    for (const table of [this.#sessions, this.#queues, this.#receivedIds]) table.removeAll(count.slot);
  }

  /** `value` is `encodeMessage`'s. */
  enqueue(value: Buffer, targets: readonly QueueTarget[]): QueueOutcome {
    const oldest = queuedAtOf(value) - this.#limits.sessionMessageAgeMaxMs;
    const bytes = payloadBytes(value) ?? 0;
    // Many sessions share the bytes.
    const values = new Map<DeliveryQos, Buffer>();
    let expired = 0;
    const add = ({ client, qos }: QueueTarget): QueueTaker => {
      if (this.#counts.get(client) === null) return "absent";
      if (this.#isFull(client, bytes)) expired += this.#dropOld(client, oldest, bytes);
      const count = this.#counts.get(client);
      if (count === null || this.#isFull(client, bytes)) return "full";
      const last = count.last + 1;
      this.#counts.set(client, { ...count, last, messages: count.messages + 1, bytes: count.bytes + bytes });
      const own = values.get(qos) ?? withQos(value, qos);
      values.set(qos, own);
      this.#queues.set(count.slot, last, own);
      return { client };
    };
    const takers = targets.map((target) => {
      let taker = add(target);
      for (const other of target.others ?? []) {
        if (typeof taker !== "string") break;
        const next = add(other);
        taker = next === "absent" ? taker : next;
      }
      return taker;
    });
    return { takers, expired };
  }

  queued(client: string, after: number, count: number): readonly QueuedDelivery[] {
    const slot = this.#counts.get(client)?.slot;
    if (slot === undefined) return [];
    return this.#queues.from(slot, after + 1, count).flatMap(([sequence, value]) => {
      const delivery = decodeDelivery(value, sequence);
      if (delivery === null) this.damaged += 1;
      return delivery ?? [];
    });
  }

  settle(client: string, sequence: number): void {
    const count = this.#counts.get(client);
    const value = count === null ? null : this.#queues.get(count.slot, sequence);
    if (count === null || value === null) return;
    this.#queues.set(count.slot, sequence, null);
    const bytes = count.bytes - (payloadBytes(value) ?? 0);
    this.#counts.set(client, { ...count, messages: count.messages - 1, bytes });
    // As long as the last one is in the queue, its key tells how far the sequences have come.
    if (sequence === count.last) this.#sessions.set(count.slot, LAST, sequenceBytes(sequence));
  }

  release(client: string, sequence: number): void {
    const slot = this.#counts.get(client)?.slot;
    const value = slot === undefined ? null : this.#queues.get(slot, sequence);
    if (slot !== undefined && value !== null) this.#queues.set(slot, sequence, asReleased(value));
  }

  received(client: string): ReadonlyMap<number, string> {
    const slot = this.#counts.get(client)?.slot;
    if (slot === undefined) return new Map();
    return new Map(this.#receivedIds.from(slot, 0, Infinity).map(([id, value]) => [id, value.toString()]));
  }

  /** Null: the message is complete. */
  receive(client: string, packetId: number, admissionId: string | null): void {
    const slot = this.#counts.get(client)?.slot;
    if (slot === undefined) return;
    this.#receivedIds.set(slot, packetId, admissionId === null ? null : Buffer.from(admissionId));
  }

  retain(message: RetainedMessage): boolean {
    return this.#retainedMessages.retain(message, this.#limits.retainedMessagesMax);
  }

  retained(prefix: string): readonly RetainedMessage[] {
    return this.#retainedMessages.retained(prefix);
  }

  get changed(): boolean {
    return this.#tables.some((table) => table.changed) || this.#retainedMessages.changed;
  }

  /** Within a batch: puts the changes into the environment. */
  write(): void {
    for (const table of this.#tables) table.write();
    this.#retainedMessages.write();
  }

  landed(): void {
    this.#counts.landed();
    for (const table of this.#tables) table.clear();
    this.#retainedMessages.landed();
  }

  /** Everything is as it was after the last commit that landed. */
  failed(): void {
    this.#counts.failed();
    for (const table of this.#tables) table.clear();
    this.#retainedMessages.failed();
  }

  get #tables(): readonly DraftTable[] {
    return [this.#sessions, this.#queues, this.#receivedIds];
  }

  #newSlot(client: string): number {
    const slot = this.#nextSlot;
    this.#nextSlot += 1;
    this.#counts.set(client, { slot, last: 0, messages: 0, bytes: 0 });
    return slot;
  }

  /** Drops the oldest deliveries, as far as they are older and not released: see `TOO_OLD_AT_ONCE`. Tells how many. */
  #dropOld(client: string, oldest: number, bytes: number): number {
    let dropped = 0;
    // Most queues that are full have none.
    for (let after = 0, wanted = 1; ; wanted = TOO_OLD_AT_ONCE) {
      const slot = this.#counts.get(client)?.slot;
      const found = slot === undefined ? [] : this.#queues.from(slot, after + 1, wanted);
      for (const [sequence, value] of found) {
        const delivery = decodeDelivery(value, sequence);
        if (delivery !== null && delivery.queuedAt >= oldest) return dropped;
        after = sequence;
        if (delivery === null || delivery.released) continue;
        this.settle(client, sequence);
        dropped += 1;
        if (dropped >= TOO_OLD_AT_ONCE && !this.#isFull(client, bytes)) return dropped;
      }
      if (found.length < wanted) return dropped;
    }
  }

  #isFull(client: string, bytes: number): boolean {
    const { sessionQueueMessagesMax, sessionQueueBytesMax, sessionStoreBytesMax } = this.#limits;
    const count = this.#counts.get(client) ?? NO_COUNT;
    return (
      count.messages >= sessionQueueMessagesMax ||
      count.bytes + bytes > sessionQueueBytesMax ||
      this.totals.bytes + bytes > sessionStoreBytesMax
    );
  }

  #readQueues(): ReadonlyMap<number, QueueCount> {
    const queues = new Map<number, QueueCount>();
    for (const { key, value } of this.#environment.queues.getRange()) {
      const [slot, last] = key;
      const { messages, bytes } = queues.get(slot) ?? { messages: 0, bytes: 0 };
      queues.set(slot, { slot, last, messages: messages + 1, bytes: bytes + (payloadBytes(value) ?? 0) });
    }
    return queues;
  }
}

const NO_COUNT: QueueCount = { slot: 0, last: 0, messages: 0, bytes: 0 };

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.alloc(SEQUENCE_BYTES);
  bytes.writeUIntBE(sequence, 0, SEQUENCE_BYTES);
  return bytes;
}
