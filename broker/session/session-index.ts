import type { DeviceAsks } from "../device-asks.ts";
import type { Session } from "./session.ts";

/** Sessions by the devices whose topics they ask for. Other gateways are told of those that are connected here. */
export class SessionIndex {
  readonly #asks: DeviceAsks;
  readonly #byKey = new Map<string, Set<Session>>();
  readonly #keys = new Map<Session, ReadonlySet<string>>();
  readonly #asked = new Map<Session, ReadonlySet<string>>();

  constructor(asks: DeviceAsks) {
    this.#asks = asks;
  }

  /** The session has subscribed, unsubscribed, or its connection has come or gone. */
  update(session: Session): void {
    this.#replace(session, session.keys, session.isConnected ? session.keys : NO_KEYS);
  }

  remove(session: Session): void {
    this.#replace(session, NO_KEYS, NO_KEYS);
  }

  of(key: string): Iterable<Session> {
    return this.#byKey.get(key) ?? NO_SESSIONS;
  }

  has(key: string): boolean {
    return this.#byKey.size > 0 && this.#byKey.has(key);
  }

  #replace(session: Session, keys: ReadonlySet<string>, asked: ReadonlySet<string>): void {
    const old = this.#keys.get(session) ?? NO_KEYS;
    for (const key of keys) {
      const sessions = this.#byKey.get(key) ?? new Set();
      this.#byKey.set(key, sessions.add(session));
    }
    for (const key of without(old, keys)) {
      const sessions = this.#byKey.get(key);
      sessions?.delete(session);
      if (sessions?.size === 0) this.#byKey.delete(key);
    }
    const askedBefore = this.#asked.get(session) ?? NO_KEYS;
    for (const key of without(asked, askedBefore)) this.#asks.begin(key);
    for (const key of without(askedBefore, asked)) this.#asks.cease(key);
    keepUnlessEmpty(this.#keys, session, keys);
    keepUnlessEmpty(this.#asked, session, asked);
  }
}

const NO_KEYS: ReadonlySet<string> = new Set();
const NO_SESSIONS: readonly Session[] = [];

function without(keys: ReadonlySet<string>, others: ReadonlySet<string>): readonly string[] {
  return [...keys].filter((key) => !others.has(key));
}

function keepUnlessEmpty(map: Map<Session, ReadonlySet<string>>, session: Session, keys: ReadonlySet<string>): void {
  if (keys.size === 0) map.delete(session);
  else map.set(session, keys);
}
