import type { Session } from "./session.ts";

/** Every session that is kept, by its client and by its device. */
export class KeptSessions {
  readonly #byClient = new Map<string, Session>();
  readonly #byDevice = new Map<string, Set<Session>>();

  get size(): number {
    return this.#byClient.size;
  }

  get(client: string): Session | undefined {
    return this.#byClient.get(client);
  }

  all(): Iterable<Session> {
    return this.#byClient.values();
  }

  /** Of this device (`tenant/device`). */
  of(device: string): ReadonlySet<Session> {
    return this.#byDevice.get(device) ?? NO_SESSIONS;
  }

  add(session: Session): void {
    this.#byClient.set(session.client, session);
    const device = deviceOf(session.client);
    this.#byDevice.set(device, (this.#byDevice.get(device) ?? new Set()).add(session));
  }

  remove(session: Session): void {
    this.#byClient.delete(session.client);
    const device = deviceOf(session.client);
    const others = this.#byDevice.get(device);
    others?.delete(session);
    if (others?.size === 0) this.#byDevice.delete(device);
  }
}

const NO_SESSIONS: ReadonlySet<Session> = new Set();

/** `tenant/device` of `tenant/device/client id`. */
export function deviceOf(client: string): string {
  return client.slice(0, client.lastIndexOf("/"));
}
