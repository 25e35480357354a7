import type { Service } from "../../core/lifecycle.ts";

export type DeliveryQos = 1 | 2;

export interface KeptSubscription {
  /** As the client gave it, `$share/group/` included. */
  readonly filter: string;
  /** The QoS that was granted. */
  readonly qos: 0 | 1 | 2;
}

/** A session that outlives its connections (3.1.2.4), without its messages. */
export interface KeptSession {
  /** `tenant/device/client id`. */
  readonly client: string;
  readonly subscriptions: readonly KeptSubscription[];
  /** When its last connection ended, UTC ms; null while it has one, and after a crash of the gateway that had it. */
  readonly disconnectedAt: number | null;
}

/** A message for sessions. */
export interface QueuedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** True when it is a retained one that a subscription asked for (3.3.1.3). */
  readonly retain: boolean;
  /** UTC ms. */
  readonly queuedAt: number;
}

/** A message in the queue of one session. */
export interface QueuedDelivery extends QueuedMessage {
  /** Grows with every message of the session, by one or more; never used twice. The packet id follows from it. */
  readonly sequence: number;
  readonly qos: DeliveryQos;
  /** With QoS 2: the client has sent PUBREC, so that only PUBREL may follow [MQTT-4.3.3-1]. */
  readonly released: boolean;
}

/** Whose queue a message goes to. */
export interface QueueTarget {
  readonly client: string;
  readonly qos: DeliveryQos;
  /** Of a shared subscription: who gets it, the first that can, where the client cannot. */
  readonly others?: readonly Pick<QueueTarget, "client" | "qos">[];
}

/** In whose queue it is now; "full" where those that have a session have no room, "absent" where none has one. */
export type QueueTaker = { readonly client: string } | "full" | "absent";

export interface QueueOutcome {
  /** For each target. */
  readonly takers: readonly QueueTaker[];
  /** Messages that made room, in all queues. */
  readonly expired: number;
}

export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
}

/** The ceilings of what is kept. What breaches one of a queue is not queued. */
export interface SessionStoreLimits {
  readonly sessionMessageAgeMaxMs: number;
  readonly sessionQueueMessagesMax: number;
  /** Of the payloads of one session. */
  readonly sessionQueueBytesMax: number;
  /** Of all sessions together. */
  readonly sessionStoreBytesMax: number;
  readonly retainedMessagesMax: number;
}

/** What another gateway did with a session. */
export type SessionChange =
  /** It has been put. */
  | { readonly kind: "put"; readonly session: KeptSession }
  | { readonly kind: "removed"; readonly client: string }
  /** Messages were queued for it. */
  | { readonly kind: "queued"; readonly client: string };

/**
 * Sessions, their queues, and retained messages. What a promise was given for is durable when it resolves, as far as the store goes;
 * calls take effect in the order in which they were made. A client that was never put, or was removed, has nothing: what is queued for it
 * vanishes. SESSION_STORE_IO when the store is away or refuses: nothing, or part of it, may have happened.
 */
export interface SessionStore extends Service {
  /** All sessions. Called once, after `start`. `watch` is told from then on of what other gateways change; never of what this one does. */
  load(watch: (change: SessionChange) => void): Promise<readonly KeptSession[]>;
  /** As it is now; null when there is none. */
  find(client: string): Promise<KeptSession | null>;
  /** Creates it, or replaces its subscriptions and `disconnectedAt`; its queue and packet ids stay. */
  put(session: KeptSession): Promise<void>;
  /** With its queue and packet ids. */
  remove(client: string): Promise<void>;
  /**
   * Appends the message to these queues. In one that has no room its oldest messages make some: those that have waited for longer than
   * `sessionMessageAgeMaxMs` when this one comes, and are not released.
   */
  enqueue(message: QueuedMessage, targets: readonly QueueTarget[]): Promise<QueueOutcome>;
  /** The oldest deliveries above `after` (0: all), in order of `sequence`, `count` at most. */
  queued(client: string, after: number, count: number): Promise<readonly QueuedDelivery[]>;
  /** Acknowledged, or too old: gone from the queue. */
  settle(client: string, sequence: number): Promise<void>;
  /** PUBREC has come, see `QueuedDelivery.released`. */
  release(client: string, sequence: number): Promise<void>;
  /** QoS 2 messages of the client that it has not released with PUBREL yet: packet id → admission id (4.3.3, method B's identifier). */
  received(client: string): Promise<ReadonlyMap<number, string>>;
  /** Replaces the admission id if there is one. */
  receive(client: string, packetId: number, admissionId: string): Promise<void>;
  complete(client: string, packetId: number): Promise<void>;
  /** Replaces what the topic retains; an empty payload removes it [MQTT-3.3.1-10]. True unless there are too many. */
  retain(message: RetainedMessage): Promise<boolean>;
  /** What topics that begin with `prefix`, which is whole levels such as `millrace/acme/a/`, retain. */
  retained(prefix: string): Promise<readonly RetainedMessage[]>;
}
