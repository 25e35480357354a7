import type { Announcement } from "../gateway-link.ts";
import type { Round, Rounds } from "./rounds.ts";

export interface ClientClaimsOptions {
  readonly rounds: Rounds;
  /** Tells all gateways, this one included. */
  readonly publish: (round: number, clients: readonly string[]) => Promise<number> | null;
  /** Ends the client here; resolves when it is settled. */
  readonly takeOver: (client: string) => Promise<void>;
}

/**
 * Which gateway serves a client. All gateways hear of all claims in the one order that Redis gives them, their own ones too; the last
 * claim wins. So a claim of another gateway that comes before one's own has come back ends nothing here, and whatever the timing exactly
 * one connection is left.
 */
export interface ClientClaims {
  claim(client: string): Announcement;
  /** Clients that connected while nobody could be told are claimed now. */
  linkBegan(): void;
  linkLost(): void;
  /** Claims of this gateway have come back. */
  ownCame(round: number, clients: readonly string[]): void;
  /** Resolves when none of these clients is served here any more. */
  foreignCame(clients: readonly string[]): Promise<void>;
}

interface Batch {
  readonly round: Round;
  readonly clients: string[];
}

const CLIENTS_PER_ROUND = 500;

/** Clients of one turn of the event loop are claimed in one round. */
export function createClientClaims({ rounds, publish, takeOver }: ClientClaimsOptions): ClientClaims {
  /** Claimed, and not come back yet: the newest round of each. */
  const pending = new Map<string, number>();
  /** Connected here, and nobody knows. */
  const untold = new Set<string>();
  let open: Batch | null = null;
  let linked = false;

  function openBatch(): Batch {
    const batch: Batch = { round: rounds.open(), clients: [] };
    setImmediate(() => {
      if (open === batch) open = null;
      batch.round.run(publish(batch.round.number, batch.clients));
    });
    return batch;
  }

  function tell(client: string): Promise<void> {
    if (open === null || open.clients.length >= CLIENTS_PER_ROUND) open = openBatch();
    open.clients.push(client);
    pending.set(client, open.round.number);
    return open.round.ended;
  }

  return {
    claim(client) {
      const heard = linked ? tell(client) : null;
      if (heard === null) untold.add(client);
      return {
        heard,
        end() {
          pending.delete(client);
          untold.delete(client);
        },
      };
    },
    linkBegan() {
      linked = true;
      for (const client of untold) void tell(client);
      untold.clear();
    },
    linkLost() {
      linked = false;
      for (const client of pending.keys()) untold.add(client);
      pending.clear();
    },
    ownCame(round, clients) {
      for (const client of clients) if ((pending.get(client) ?? Infinity) <= round) pending.delete(client);
    },
    async foreignCame(clients) {
      await Promise.all(clients.filter((client) => !pending.has(client)).map((client) => takeOver(client)));
    },
  };
}
