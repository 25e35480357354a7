import { errorText } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import { filterCoveredBy } from "../filter-cover.ts";
import type { RoutedMessage } from "../gateway-link.ts";
import { deviceKeyOf } from "../topic-acl.ts";
import { lowerQos, type Qos, type Session, type Subscription } from "./session.ts";
import type { SessionIndex } from "./session-index.ts";
import type { QueuedMessage, QueueTarget, SessionStore } from "./session-store.ts";

export interface SessionRouterOptions {
  readonly index: SessionIndex;
  /** Null where nothing is kept. */
  readonly store: SessionStore | null;
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** From a durable message to those who are to get it. */
export interface SessionRouter {
  /**
   * Of this device (`tenant/device`). Resolves when it is durable in the queues of kept sessions, and retained; null when there is nothing to
   * wait for. Never rejects: what the store refuses is counted, the message itself is in the log.
   */
  route(key: string, topic: string, message: RoutedMessage): Promise<void> | null;
  /** A message that another gateway has routed: to those connected here whom that one could not reach. */
  deliver(topic: string, message: RoutedMessage): void;
}

interface Member {
  readonly session: Session;
  readonly qos: Qos;
}

interface SharedMember extends Member {
  readonly subscription: Subscription;
}

export function createSessionRouter({ index, store, now, logger, metrics }: SessionRouterOptions): SessionRouter {
  const lost = metrics.counter(
    "millrace_mqtt_session_lost_total",
    "Messages that the session store did not take: not queued for a session, or not retained. They are in the log.",
  );
  let turn = 0;
  let isFailing = false;

  async function keep(what: string, key: string, kept: Promise<boolean>): Promise<void> {
    try {
      if (!(await kept)) lost.add();
      isFailing = false;
    } catch (error) {
      lost.add();
      // Once: as many messages may be lost as come, and a full disk must not get a line for each.
      if (!isFailing) logger.warn({ key, error: errorText(error) }, `a message was not ${what}`);
      isFailing = true;
    }
  }

  async function enqueue(stored: SessionStore, message: QueuedMessage, members: readonly Member[]): Promise<boolean> {
    const targets = members.flatMap(({ session, qos }): QueueTarget[] =>
      qos === 0 ? [] : [{ client: session.client, qos }],
    );
    await stored.enqueue(message, targets);
    for (const { session } of members) session.poke();
    return true;
  }

  /** Gives it to the session, or adds it to those for whom the store queues it. */
  function give(session: Session, message: QueuedMessage, qos: Qos, stored: Member[]): void {
    if (qos === 0) session.deliverNow(message.topic, message.payload, false);
    else if (session.isKept) {
      session.heard(message.topic);
      stored.push({ session, qos });
    } else session.push(message, qos);
  }

  function giveShared(key: string, message: QueuedMessage, routed: RoutedMessage, stored: Member[]): void {
    const groups = new Map<string, SharedMember[]>();
    for (const session of index.of(key)) {
      for (const [name, subscription] of session.shared) {
        if (!filterCoveredBy(message.topic, subscription.filter)) continue;
        const members = groups.get(name) ?? [];
        members.push({ session, subscription, qos: lowerQos(routed.qos, subscription.qos) });
        groups.set(name, members);
      }
    }
    for (const members of groups.values()) {
      const chosen = choose(members);
      if (chosen !== null) give(chosen.session, message, chosen.qos, stored);
    }
  }

  /** Who has waited for longest, and those first that are connected, here or elsewhere. With QoS 0 only those that are here. */
  function choose(members: readonly SharedMember[]): Member | null {
    const reached = members.filter(({ session, qos }) => session.isConnected || qos > 0);
    const connected = reached.filter(({ session }) => session.disconnectedAt === null);
    const able = connected.length > 0 ? connected : reached;
    const [chosen] = able.toSorted((a, b) => a.subscription.servedAt - b.subscription.servedAt);
    if (chosen === undefined) return null;
    chosen.subscription.servedAt = ++turn;
    return chosen;
  }

  return {
    route(key, topic, routed) {
      const message: QueuedMessage = { topic, payload: routed.payload, retain: false, queuedAt: now() };
      const stored: Member[] = [];
      if (index.has(key)) {
        for (const session of index.of(key)) {
          const granted = session.grants(topic);
          if (granted !== null) give(session, message, lowerQos(routed.qos, granted), stored);
        }
        giveShared(key, message, routed, stored);
      }
      if (store === null) return null;
      const waits: Promise<void>[] = [];
      if (stored.length > 0) waits.push(keep("queued for a session", key, enqueue(store, message, stored)));
      if (routed.retain === true) {
        const { payload, qos } = routed;
        waits.push(keep("retained", key, store.retain({ topic, payload, qos })));
      }
      return waits.length === 0 ? null : Promise.all(waits).then(() => undefined);
    },
    deliver(topic, routed) {
      const key = deviceKeyOf(topic);
      if (key === null) return;
      // The bytes are a part of what the other gateway sent.
      const payload = Buffer.from(routed.payload);
      for (const session of index.of(key)) {
        const granted = session.grants(topic);
        if (granted === null) continue;
        const qos = lowerQos(routed.qos, granted);
        // For kept sessions the other gateway has queued it.
        if (qos === 0 || !session.isKept) give(session, { topic, payload, retain: false, queuedAt: now() }, qos, []);
      }
    },
  };
}
