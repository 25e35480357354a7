import { untilAborted } from "../../core/aborted.ts";
import { errorText } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";
import type { DeviceAsks } from "../device-asks.ts";
import type { EdgeLimits } from "../edge-limits.ts";
import { filterCoveredBy } from "../filter-cover.ts";
import type { RefusalReason } from "../refusals.ts";
import { deviceKeyOf, TopicAcl } from "../topic-acl.ts";
import type { DeliveriesOptions, SessionPeer } from "./deliveries.ts";
import { storedDeliveryQueue } from "./delivery-queue.ts";
import { DoomedSessions } from "./doomed-sessions.ts";
import { deviceOf, KeptSessions } from "./kept-sessions.ts";
import { type QueueCounters, queueCounters } from "./queue-counters.ts";
import { lowerQos, Session } from "./session.ts";
import { SessionIndex } from "./session-index.ts";
import { createSessionRouter, type SessionRouter } from "./session-router.ts";
import type { KeptSession, SessionChange, SessionStore } from "./session-store.ts";
import { topicFilterOf } from "./shared-filter.ts";
import { TransientClients } from "./transient-clients.ts";

const EXPIRY_INTERVAL_MS = 60_000;

export interface SessionsOptions {
  /** Null: sessions end with their connections, and nothing is retained. */
  readonly store: SessionStore | null;
  readonly limits: EdgeLimits;
  readonly asks: DeviceAsks;
  /** False where other gateways share the store. */
  readonly isAlone: boolean;
  /** UTC ms. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface JoinedSession {
  readonly session: Session;
  /** There was one, with what it had subscribed to [MQTT-3.2.2-2]. */
  readonly isPresent: boolean;
  /** QoS 2 messages of before that have not been released: packet id → admission id. */
  readonly received: ReadonlyMap<number, string>;
}

/** All sessions that this gateway knows: those of its connections, and every one that is kept. */
export class Sessions {
  readonly router: SessionRouter;
  readonly index: SessionIndex;
  readonly #options: SessionsOptions;
  readonly #deliveries: DeliveriesOptions;
  readonly #counters: QueueCounters;
  readonly #expired: Counter;
  readonly #kept = new KeptSessions();
  readonly #doomed: DoomedSessions | null;
  /** Null where this gateway knows every session that is kept. */
  readonly #transient: TransientClients | null;
  /** Those whose last connection was here. */
  readonly #ours = new WeakSet<Session>();
  readonly #pending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SessionsOptions) {
    const { asks, store, now, logger, metrics, limits } = options;
    this.#options = options;
    this.#doomed = store === null ? null : new DoomedSessions(store);
    this.#transient = store === null || options.isAlone ? null : new TransientClients();
    this.index = new SessionIndex(asks);
    this.#counters = queueCounters(metrics);
    this.router = createSessionRouter({ index: this.index, store, now, logger, metrics, counters: this.#counters });
    this.#expired = metrics.counter(
      "millrace_mqtt_sessions_expired_total",
      "Sessions that were removed because their client did not come back in time.",
    );
    this.#deliveries = { limits, now, onExpired: this.#counters.expired };
  }

  /** Null where nothing is kept. */
  get store(): SessionStore | null {
    return this.#options.store;
  }

  get isAlone(): boolean {
    return this.#options.isAlone;
  }

  async start(): Promise<void> {
    const { store, isAlone } = this;
    const { now, limits } = this.#options;
    if (store === null) return;
    await store.start();
    for (const record of await store.load((change) => this.#changed(change))) {
      const session = this.#learn(record);
      // Its gateway was this one, and has crashed.
      if (isAlone) session.disconnectedAt ??= now();
    }
    this.#timer = setInterval(() => this.#expire(store), Math.min(EXPIRY_INTERVAL_MS, limits.sessionExpiryMs));
  }

  /** After all connections have ended. */
  async stop(signal: AbortSignal): Promise<void> {
    clearInterval(this.#timer);
    await untilAborted(Promise.all(this.#pending), signal);
    await this.#options.store?.stop(signal);
  }

  /** Of a CONNECT. Null when it needs no session yet. The caller asks whether the connection is still there, and leaves if not. */
  join(client: string, clean: boolean, peer: SessionPeer): Promise<JoinedSession | RefusalReason | null> | null {
    const { store } = this.#options;
    if (clean) {
      this.#transient?.add(client, peer);
      const isKept = this.#kept.get(client) !== undefined || this.#doomed?.has(client) === true;
      return store !== null && isKept ? this.#discard(store, client).then(() => null) : null;
    }
    return store === null ? Promise.resolve("session-persistent") : this.#resume(store, client, peer);
  }

  /** A session that ends with its connection. */
  begin(client: string, peer: SessionPeer): Session {
    const session = new Session(client, null, this.#deliveries);
    session.attach(peer);
    session.open();
    return session;
  }

  /**
   * Its subscriptions have changed. Resolves when that is durable, and when other gateways send what comes to them for sessions that are not kept.
   * Of one that is kept Redis has told them, and nobody waits until they have heard: what they acknowledge before is not queued for it.
   */
  async changed(session: Session): Promise<void> {
    const { asks, store } = this.#options;
    this.index.update(session);
    const heard = [...session.keys].map((key) => asks.heard(key));
    if (session.isKept) session.putAt = this.#options.now();
    await Promise.all([...heard, session.isKept ? store?.put(session.record) : null]);
  }

  /** True as long as no connection after this one has the session, here or at another gateway. */
  isCurrent(session: Session, peer: SessionPeer): boolean {
    return this.#kept.get(session.client) === session && this.#ours.has(session) && session.isFreeFor(peer);
  }

  /** The connection is over. Resolves when that is durable; never rejects. */
  leave(session: Session, peer: SessionPeer): Promise<void> {
    const { store, now } = this.#options;
    if (!session.detach(peer, now())) return Promise.resolve();
    if (session.isKept && this.#kept.get(session.client) === session) {
      this.index.update(session);
      return this.#track(store?.put(session.record));
    }
    this.index.remove(session);
    return Promise.resolve();
  }

  /** What topics under each of these filters retain goes to the session (3.3.1.3), as for one SUBSCRIBE after the other [MQTT-3.8.4-4]. */
  async sendRetained(session: Session, filters: readonly string[]): Promise<void> {
    const { store, now } = this.#options;
    if (store === null) return;
    for (const filter of filters) {
      const key = deviceKeyOf(filter);
      if (key === null) continue;
      const found = await session.newest(store.retained(`millrace/${key}/`));
      for (const { topic, payload, qos } of found) {
        const granted = session.grants(topic);
        if (granted === null || !filterCoveredBy(topic, filter)) continue;
        const lower = lowerQos(qos, granted);
        const message = { topic, payload, retain: true, queuedAt: now() };
        if (lower === 0) session.deliverNow(topic, payload, true);
        else if (!session.isKept) session.push(message, lower);
        else {
          const { takers, expired } = await store.enqueue(message, [{ client: session.client, qos: lower }]);
          this.#counters.expired(expired);
          if (takers[0] === "full") this.#counters.discarded(1);
          session.poke();
        }
      }
    }
  }

  /** The credentials of these devices (`tenant/device`) are not honoured any more: nothing is kept for them. What the store refuses is tried again. */
  purge(keys: readonly string[]): void {
    for (const session of keys.flatMap((key) => [...this.#kept.of(key)])) {
      this.#forget(session);
      void this.#track(this.#doomed?.remove(session.client));
    }
  }

  async #resume(store: SessionStore, client: string, peer: SessionPeer): Promise<JoinedSession | RefusalReason> {
    const { limits, now } = this.#options;
    // What QoS 2 messages have landed is known when none is on its way.
    await this.#kept.get(client)?.settled;
    if (this.#doomed?.has(client) === true) await this.#doomed.remove(client);
    const [record, received] = await Promise.all([store.find(client), store.received(client)]);
    // Taken over or revoked meanwhile: whoever did that has removed the session, or goes on with it.
    if (peer.isEnded) return "taken-over";
    if (record === null && this.#isFull(client))
      return limits.keptSessionsMax > this.#kept.size ? "sessions-per-device" : "sessions-total";
    const session = this.#learn(record ?? { client, subscriptions: [], disconnectedAt: null });
    // Where its last connection was another gateway's, or before a crash: what was queued since then was not sent to anybody.
    const sentBefore = { sequence: 0, queuedAt: record?.disconnectedAt ?? now() };
    session.attach(peer, this.#ours.has(session) ? undefined : sentBefore);
    this.#ours.add(session);
    try {
      await this.changed(session);
    } catch (error) {
      void this.leave(session, peer);
      throw error;
    }
    return { session, isPresent: record !== null, received };
  }

  #isFull(client: string): boolean {
    const { limits } = this.#options;
    if (this.#kept.size >= limits.keptSessionsMax) return true;
    return this.#kept.of(deviceOf(client)).size >= limits.keptSessionsPerDeviceMax;
  }

  /** As long as the store has it, it is one to which messages go: when that refuses, nothing has changed. */
  async #discard(store: SessionStore, client: string): Promise<void> {
    if (this.#doomed?.has(client) === true) return this.#doomed.remove(client);
    await store.remove(client);
    const session = this.#kept.get(client);
    if (session?.isConnected === false) this.#forget(session);
  }

  /** As the store has it. */
  #learn({ client, subscriptions, disconnectedAt }: KeptSession): Session {
    const { store } = this.#options;
    const known = this.#kept.get(client);
    const session =
      known ?? new Session(client, store === null ? null : storedDeliveryQueue(store, client), this.#deliveries);
    if (known === undefined) this.#kept.add(session);
    const acl = new TopicAcl(deviceOf(client));
    session.replaceSubscriptions(subscriptions.filter(({ filter }) => acl.maySubscribe(topicFilterOf(filter))));
    session.putAt = this.#options.now();
    if (!session.isConnected) session.disconnectedAt = disconnectedAt;
    this.index.update(session);
    return session;
  }

  #forget(session: Session): void {
    this.#kept.remove(session);
    this.index.remove(session);
  }

  /** Another gateway did something. */
  #changed(change: SessionChange): void {
    if (change.kind === "put") return this.#changedSession(change.session);
    if (change.kind === "removed") this.#doomed?.spare(change.client);
    // The store can be reached again, and has it still.
    else if (this.#doomed?.has(change.client) === true) void this.#track(this.#doomed.retry());
    const session = this.#kept.get(change.client);
    if (session === undefined) return;
    if (change.kind === "queued") session.poke();
    else if (!session.isConnected) this.#forget(session);
    // Redis has lost what it had: whoever removes a session ends its connection first.
    else void this.#track(this.changed(session));
  }

  /** Another gateway has put it, or it is one of which this gateway had not heard. */
  #changedSession(session: KeptSession): void {
    const { client, disconnectedAt } = session;
    const isUnwanted = this.#doomed?.has(client) === true || this.#transient?.has(client) === true;
    // Of what is connected elsewhere that gateway decides, and the claim of the client.
    if (isUnwanted && disconnectedAt !== null) return void this.#track(this.#doomed?.remove(client));
    this.#doomed?.spare(client);
    this.#ours.delete(this.#learn(session));
  }

  /** Removes what nobody came back for, and says of what is connected here that it still is: its gateway may crash. */
  #expire(store: SessionStore): void {
    const { limits, now } = this.#options;
    const discarded: Promise<void>[] = [];
    for (const session of this.#kept.all()) {
      if (session.isConnected) {
        if (now() - session.putAt > limits.sessionExpiryMs / 4) void this.#track(this.changed(session));
      } else if (this.#transient?.has(session.client) === true) {
        discarded.push(this.#discard(store, session.client));
      } else if (now() - (session.disconnectedAt ?? session.putAt) > limits.sessionExpiryMs) {
        discarded.push(this.#discard(store, session.client).then(() => this.#expired.add()));
      }
    }
    this.#transient?.prune();
    void this.#track(this.#doomed?.retry());
    // One line in the log, however many the store refuses.
    void this.#track(Promise.all(discarded).then(() => undefined));
  }

  #track(change: Promise<void> | undefined): Promise<void> {
    if (change === undefined) return Promise.resolve();
    const tracked = change
      .catch((error: unknown) => {
        this.#options.logger.warn({ error: errorText(error) }, "a session's end was not kept");
      })
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
    return tracked;
  }
}
