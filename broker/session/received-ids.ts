import { ANSWER, ANSWER_BYTES } from "../../wire/mqtt-answers.ts";
import type { SessionStore } from "./session-store.ts";

/** Behind an admission id in the store: the message is in the log, and with its subscribers. */
const LANDED = "+";

export interface ReceivedKeeper {
  readonly store: SessionStore;
  readonly client: string;
  /** What a connection before this one has not released: packet id → admission id. */
  readonly received: ReadonlyMap<number, string>;
  /** False when the session has gone on elsewhere, or is no more: what lands then is none of its business. */
  isCurrent(): boolean;
}

/** Of the packet. */
export interface ReceivedPublish {
  readonly packetId: number;
  readonly dup: boolean;
}

/**
 * QoS 2 messages of one client between PUBLISH and PUBREL (4.3.3, method B): what comes again meanwhile is answered and not taken again. In a kept
 * session the admission id is durable before the message is appended, and that it has landed is kept with what its subscribers' queues keep.
 * Where a connection or the gateway broke off in between, it is appended again with the same admission id, and the stage drops the second one.
 */
export class ReceivedIds {
  readonly #keeper: ReceivedKeeper | null;
  readonly #unsure: Map<number, string>;
  /** With the admission ids of those that are kept and have not landed. */
  readonly #taken = new Map<number, string | null>();

  /** `keeper` is null for a session that ends with its connection. */
  constructor(keeper: ReceivedKeeper | null) {
    this.#keeper = keeper;
    this.#unsure = new Map(keeper?.received);
  }

  /** True when there are so many that another one may not come; of those that it has, each may come again. */
  isFull({ packetId }: ReceivedPublish, idsMax: number): boolean {
    const isKnown = this.#taken.has(packetId) || this.#unsure.has(packetId);
    return !isKnown && this.#taken.size + this.#unsure.size >= idsMax;
  }

  /** How to take a PUBLISH: "again" not at all; "new" like any other; or, when that is durable, with this admission id. */
  begin({ packetId, dup }: ReceivedPublish, newAdmissionId: () => string): "again" | "new" | Promise<string> {
    if (this.#taken.has(packetId)) return "again";
    const unsure = this.#unsure.get(packetId);
    this.#unsure.delete(packetId);
    const hasLanded = unsure?.endsWith(LANDED) === true;
    if (this.#keeper === null || (hasLanded && dup)) {
      this.#taken.set(packetId, null);
      return hasLanded ? "again" : "new";
    }
    const admissionId = (hasLanded ? unsure.slice(0, -LANDED.length) : unsure) ?? newAdmissionId();
    this.#taken.set(packetId, admissionId);
    if (unsure !== undefined) return Promise.resolve(admissionId);
    const { store, client } = this.#keeper;
    return store.receive(client, packetId, admissionId).then(() => admissionId);
  }

  /** Messages are in the log, and have been handed to their subscribers: those that these answers name with PUBREC. */
  landed(answers: Buffer): void {
    if (this.#keeper === null || this.#taken.size === 0 || !this.#keeper.isCurrent()) return;
    for (let at = 0; at < answers.length; at += ANSWER_BYTES) {
      if (answers[at] === ANSWER.pubrec) this.#keepLanded(this.#keeper, answers.readUInt16BE(at + 2));
    }
  }

  #keepLanded({ store, client }: ReceivedKeeper, packetId: number): void {
    const admissionId = this.#taken.get(packetId) ?? null;
    if (admissionId === null) return;
    this.#taken.set(packetId, null);
    // A store that is away says so with the next message; until then this one would only be delivered again.
    store.receive(client, packetId, admissionId + LANDED).catch(() => undefined);
  }

  /** A message that leads nowhere: PUBREL is to find it. */
  note(packetId: number): void {
    this.#taken.set(packetId, null);
  }

  /** PUBREL: the id may be used for another message. */
  complete(packetId: number): Promise<void> {
    const isKnown = this.#taken.delete(packetId) || this.#unsure.delete(packetId);
    if (!isKnown || this.#keeper === null) return Promise.resolve();
    return this.#keeper.store.complete(this.#keeper.client, packetId);
  }
}
