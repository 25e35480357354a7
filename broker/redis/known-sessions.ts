import type { KeptSession, SessionChange } from "../session/session-store.ts";

/** The sessions of an installation as this gateway has heard of them, so that what it missed can be told. */
export class KnownSessions {
  readonly #sessions = new Map<string, KeptSession>();
  #watch: ((change: SessionChange) => void) | null = null;

  get size(): number {
    return this.#sessions.size;
  }

  /** All that are known. `watch` is told from now on. */
  load(watch: (change: SessionChange) => void): readonly KeptSession[] {
    this.#watch = watch;
    return [...this.#sessions.values()];
  }

  /** A change; `isOwn`: this gateway's, which is told to nobody. */
  apply(change: SessionChange, isOwn: boolean): void {
    if (change.kind === "put") this.#sessions.set(change.session.client, change.session);
    else if (change.kind === "removed") this.#sessions.delete(change.client);
    if (!isOwn) this.#watch?.(change);
  }

  /** These are all there are, after changes that nobody heard of: tells the differences, and that messages may have been queued. */
  replace(found: ReadonlyMap<string, KeptSession>): void {
    for (const client of this.#sessions.keys()) {
      if (!found.has(client)) this.apply({ kind: "removed", client }, false);
    }
    for (const [client, session] of found) {
      const before = this.#sessions.get(client);
      if (before === undefined || !isSame(before, session)) this.apply({ kind: "put", session }, false);
      this.#watch?.({ kind: "queued", client });
    }
  }
}

function isSame(a: KeptSession, b: KeptSession): boolean {
  return (
    a.disconnectedAt === b.disconnectedAt &&
    a.subscriptions.length === b.subscriptions.length &&
    a.subscriptions.every(({ filter, qos }, index) => {
      const other = b.subscriptions[index];
      return filter === other?.filter && qos === other.qos;
    })
  );
}
