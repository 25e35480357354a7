import type { SessionPeer } from "./deliveries.ts";

/**
 * Clients (`tenant/device/client id`) that are connected here with a session that ends with the connection: one that is kept for them, and
 * of which this gateway hears later, is to go [MQTT-3.1.2-6].
 */
export class TransientClients {
  /** A connection that is over may be gone before `prune` looks. */
  readonly #peers = new Map<string, WeakRef<SessionPeer>>();

  add(client: string, peer: SessionPeer): void {
    this.#peers.set(client, new WeakRef(peer));
  }

  has(client: string): boolean {
    return this.#peers.get(client)?.deref()?.isEnded === false;
  }

  /** Forgets those whose connection is over. */
  prune(): void {
    for (const client of this.#peers.keys()) if (!this.has(client)) this.#peers.delete(client);
  }
}
