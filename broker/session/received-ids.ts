import type { SessionStore } from "./session-store.ts";

export interface ReceivedKeeper {
  readonly store: SessionStore;
  readonly client: string;
  /** What a connection before this one has not released: packet id → admission id. */
  readonly received: ReadonlyMap<number, string>;
}

/**
 * QoS 2 messages of one client between PUBLISH and PUBREL (4.3.3, method B): what comes again meanwhile is answered and not taken again. In a kept
 * session the admission id is durable before the message is appended. Whether it was appended before a connection or the gateway broke off
 * is then not known: it is appended again with the same admission id, and the stage drops the second one.
 */
export class ReceivedIds {
  readonly #keeper: ReceivedKeeper | null;
  readonly #unsure: Map<number, string> | null;
  /** Few clients ever publish with QoS 2. */
  #taken: Set<number> | null = null;

  /** `keeper` is null for a session that ends with its connection. */
  constructor(keeper: ReceivedKeeper | null) {
    this.#keeper = keeper;
    this.#unsure = keeper === null ? null : new Map(keeper.received);
  }

  get size(): number {
    return (this.#taken?.size ?? 0) + (this.#unsure?.size ?? 0);
  }

  /** How to take a PUBLISH: "again" not at all; "new" like any other; or, when that is durable, with this admission id. */
  begin(packetId: number, newAdmissionId: () => string): "again" | "new" | Promise<string> {
    if (this.#taken?.has(packetId) === true) return "again";
    this.note(packetId);
    if (this.#keeper === null) return "new";
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

  /** PUBREL: the id may be used for another message. Null when nothing with this id waits for it. */
  complete(packetId: number): Promise<void> | null {
    const isKnown = this.#taken?.delete(packetId) === true || this.#unsure?.delete(packetId) === true;
    if (!isKnown) return null;
    return this.#keeper === null ? Promise.resolve() : this.#keeper.store.complete(this.#keeper.client, packetId);
  }
}
