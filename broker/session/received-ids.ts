import type { SessionStore } from "./session-store.ts";

export interface ReceivedKeeper {
  readonly store: SessionStore;
  readonly client: string;
  /** What a connection before this one has not released: packet id → admission id. */
  readonly received: ReadonlyMap<number, string>;
  /** False when the session has gone on elsewhere, or is no more: what lands then is none of its business. */
  isCurrent(): boolean;
}

/** In place of an admission id, which is never this: the message is in the log and in the queues of subscribers. */
const LANDED = "landed";

/**
 * QoS 2 messages of one client between PUBLISH and PUBREL (4.3.3, method B): what comes again meanwhile is answered and not taken again. In a kept
 * session the admission id is durable before the message is appended, and that it has landed together with its deliveries. Whether one was
 * appended that has not, before the gateway broke off, is not known: it is appended again with the same admission id, and the stage drops the second one.
 */
export class ReceivedIds {
  readonly #keeper: ReceivedKeeper | null;
  readonly #unsure: Map<number, string> | null;
  /** Few clients ever publish with QoS 2. */
  #taken: Set<number> | null = null;
  /** Of those: what was taken by this connection, and has not landed. Only in a kept session. */
  #pending: Set<number> | null = null;

  /** `keeper` is null for a session that ends with its connection. */
  constructor(keeper: ReceivedKeeper | null) {
    this.#keeper = keeper;
    if (keeper === null) {
      this.#unsure = null;
      return;
    }
    const received = [...keeper.received];
    this.#unsure = new Map(received.filter(([, admissionId]) => admissionId !== LANDED));
    for (const [packetId, admissionId] of received) if (admissionId === LANDED) this.note(packetId);
  }

  /** Something was taken that has not landed, and is to be told of then. */
  get isPending(): boolean {
    return this.#pending !== null && this.#pending.size > 0;
  }

  /** True when there are so many that another one may not come; of those that there are, each may come again. */
  isFullFor(packetId: number, idsMax: number): boolean {
    const isKnown = this.#taken?.has(packetId) === true || this.#unsure?.has(packetId) === true;
    return !isKnown && (this.#taken?.size ?? 0) + (this.#unsure?.size ?? 0) >= idsMax;
  }

  /** How to take a PUBLISH: "again" not at all; "new" like any other; or, when that is durable, with this admission id. */
  begin(packetId: number, newAdmissionId: () => string): "again" | "new" | Promise<string> {
    if (this.#taken?.has(packetId) === true) return "again";
    this.note(packetId);
    if (this.#keeper === null) return "new";
    this.#pending ??= new Set();
    this.#pending.add(packetId);
    const unsure = this.#unsure?.get(packetId);
    this.#unsure?.delete(packetId);
    if (unsure !== undefined) return Promise.resolve(unsure);
    const { store, client } = this.#keeper;
    const admissionId = newAdmissionId();
    return store.receive(client, packetId, admissionId).then(() => admissionId);
  }

  /** A message that leads nowhere: PUBREL is to find it. */
  note(packetId: number): void {
    this.#taken ??= new Set();
    this.#taken.add(packetId);
  }

  /** It is in the log. To be said in the same turn in which its deliveries are queued: then a store keeps both or none. */
  landed(packetId: number): void {
    const keeper = this.#keeper;
    if (keeper === null || this.#pending?.delete(packetId) !== true || !keeper.isCurrent()) return;
    // Nobody waits: without it the message is only taken again. The store itself tells of its failures.
    keeper.store.receive(keeper.client, packetId, LANDED).catch(() => undefined);
  }

  /** PUBREL: the id may be used for another message. */
  complete(packetId: number): Promise<void> {
    this.#pending?.delete(packetId);
    const isKnown = this.#taken?.delete(packetId) === true || this.#unsure?.delete(packetId) === true;
    if (!isKnown || this.#keeper === null) return Promise.resolve();
    return this.#keeper.store.complete(this.#keeper.client, packetId);
  }
}
