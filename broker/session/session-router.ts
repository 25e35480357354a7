import { errorText } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import { filterCoveredBy } from "../filter-cover.ts";
import type { RoutedMessage } from "../gateway-link.ts";
import { deviceKeyOf } from "../topic-acl.ts";
import type { QueueCounters } from "./queue-counters.ts";
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
  readonly counters: QueueCounters;
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

type Candidate = Member & Partial<SharedMember>;

/** For whom the store queues a message: for the first member who can take it. */
interface Offer {
  readonly members: readonly Candidate[];
  /** Who gets it where none of them can. */
  readonly rest: readonly Member[];
}

const isQueued = ({ session, qos }: Member): boolean => session.isKept && qos > 0;

export function createSessionRouter(options: SessionRouterOptions): SessionRouter {
  const { index, store, now, logger, metrics, counters } = options;
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

  async function enqueue(stored: SessionStore, message: QueuedMessage, offers: readonly Offer[]): Promise<boolean> {
    const { takers, expired } = await stored.enqueue(message, offers.map(targetOf));
    counters.expired(expired);
    for (const [at, { members, rest }] of offers.entries()) {
      const taker = takers[at] ?? "absent";
      const taken = typeof taker === "string" ? null : members.find(({ session }) => session.client === taker.client);
      if (taken?.subscription !== undefined) taken.subscription.servedAt = ++turn;
      taken?.session.poke();
      const [next] = rest;
      if (typeof taker === "string" && next !== undefined) giveNow(next, message);
      else if (taker === "full") counters.discarded(1);
    }
    return true;
  }

  function giveNow({ session, qos }: Member, message: QueuedMessage): void {
    if (qos === 0) session.deliverNow(message.topic, message.payload, false);
    else session.push(message, qos);
  }

  /** Gives it to the first of them at once, or has the store queue it for the first that can take it. */
  function give(members: readonly Candidate[], message: QueuedMessage, stored: Offer[]): void {
    const [first] = members;
    if (first === undefined) return;
    if (!isQueued(first)) return giveNow(first, message);
    first.session.heard(message.topic);
    const end = members.findIndex((member) => !isQueued(member));
    stored.push(end < 0 ? { members, rest: [] } : { members: members.slice(0, end), rest: members.slice(end) });
  }

  function giveShared(key: string, message: QueuedMessage, routed: RoutedMessage, stored: Offer[]): void {
    const groups = new Map<string, SharedMember[]>();
    for (const session of index.of(key)) {
      for (const [name, subscription] of session.shared) {
        if (!filterCoveredBy(message.topic, subscription.filter)) continue;
        const members = groups.get(name) ?? [];
        members.push({ session, subscription, qos: lowerQos(routed.qos, subscription.qos) });
        groups.set(name, members);
      }
    }
    for (const group of groups.values()) {
      const members = inTurn(group);
      const [chosen] = members;
      if (chosen !== undefined) chosen.subscription.servedAt = ++turn;
      give(members, message, stored);
    }
  }

  return {
    route(key, topic, routed) {
      const message: QueuedMessage = { topic, payload: routed.payload, retain: false, queuedAt: now() };
      const stored: Offer[] = [];
      if (index.has(key)) {
        for (const session of index.of(key)) {
          const granted = session.grants(topic);
          if (granted !== null) give([{ session, qos: lowerQos(routed.qos, granted) }], message, stored);
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
        // For kept sessions that it had heard of the other gateway has queued it.
        if (qos === 0 || !session.isKept) giveNow({ session, qos }, { topic, payload, retain: false, queuedAt: now() });
      }
    },
  };
}

/** Those first that are connected, here or elsewhere, and of these who has waited for longest. With QoS 0 only those that are here. */
function inTurn(members: readonly SharedMember[]): readonly SharedMember[] {
  const isAway = ({ session }: SharedMember): number => (session.disconnectedAt === null ? 0 : 1);
  return members
    .filter(({ session, qos }) => session.isConnected || qos > 0)
    .toSorted((a, b) => isAway(a) - isAway(b) || a.subscription.servedAt - b.subscription.servedAt);
}

function targetOf({ members }: Offer): QueueTarget {
  const [first, ...others] = members.flatMap(({ session, qos }) =>
    qos === 0 ? [] : [{ client: session.client, qos }],
  );
  if (first === undefined) throw new Error("an offer has a member whose QoS is 1 or 2");
  return others.length === 0 ? first : { ...first, others };
}
