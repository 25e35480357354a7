import type { SessionStore } from "./session-store.ts";

/** Clients (`tenant/device/client id`) of whose sessions nothing may be left, until the store has removed them. Forgotten with the process. */
export class DoomedSessions {
  readonly #store: Pick<SessionStore, "remove">;
  readonly #clients = new Set<string>();
  #retrying = false;

  constructor(store: Pick<SessionStore, "remove">) {
    this.#store = store;
  }

  has(client: string): boolean {
    return this.#clients.has(client);
  }

  /** Rejects with SESSION_STORE_IO when the store refuses; it stays doomed then. */
  async remove(client: string): Promise<void> {
    this.#clients.add(client);
    try {
      await this.#store.remove(client);
      this.#clients.delete(client);
    } catch (error) {
      this.#clients.add(client);
      throw error;
    }
  }

  /** Removes all of them, one after the other: where the store refuses one it refuses the others too. */
  async retry(): Promise<void> {
    if (this.#retrying) return;
    this.#retrying = true;
    try {
      for (const client of this.#clients) await this.remove(client);
    } finally {
      this.#retrying = false;
    }
  }

  /** Another gateway has removed it, or goes on with it. */
  spare(client: string): void {
    this.#clients.delete(client);
  }
}
