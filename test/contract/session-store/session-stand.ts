import type {
  DeliveryQos,
  KeptSession,
  QueuedMessage,
  QueueTarget,
  SessionStore,
  SessionStoreLimits,
} from "../../../broker/session/session-store.ts";

/** One place where sessions are kept, empty at first. */
export interface SessionStand {
  /** Opens it. */
  open(): Promise<SessionStore>;
  /** Closes what is open and removes everything. */
  dispose(): Promise<void>;
}

export interface SuiteContext {
  /** Opened afresh for each test, started and loaded. */
  readonly store: SessionStore;
  /** Stops the store in order and opens it again: `store` is then the new one. Gives what it loads. */
  reopen(): Promise<readonly KeptSession[]>;
}

/** Small, so that tests reach them. */
export const SMALL_LIMITS: SessionStoreLimits = {
  sessionMessageAgeMaxMs: 60_000,
  sessionQueueMessagesMax: 8,
  sessionQueueBytesMax: 300_000,
  sessionStoreBytesMax: 500_000,
  retainedMessagesMax: 4,
};

export const CLIENT = "acme/pump-1/reader";

export function session(client = CLIENT, fields: Partial<KeptSession> = {}): KeptSession {
  return { client, subscriptions: [], disconnectedAt: null, ...fields };
}

export function message(text: string, fields: Partial<QueuedMessage> = {}): QueuedMessage {
  const payload = new TextEncoder().encode(text);
  return { topic: "millrace/acme/pump-1/telemetry", payload, retain: false, queuedAt: 1_700_000_000_000, ...fields };
}

export function to(client = CLIENT, qos: DeliveryQos = 1): QueueTarget {
  return { client, qos };
}

/** Queues a message. The clients whose queue is full. */
export async function fullOf(store: SessionStore, ...call: Parameters<SessionStore["enqueue"]>) {
  const { takers } = await store.enqueue(...call);
  return call[1].filter((_, index) => takers[index] === "full").map(({ client }) => client);
}

/** The texts of what a session has queued. */
export async function texts(store: SessionStore, client = CLIENT): Promise<readonly string[]> {
  const queued = await store.queued(client, 0, 1000);
  return queued.map(({ payload }) => new TextDecoder().decode(payload));
}
