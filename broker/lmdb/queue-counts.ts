/** What is known of a session without reading: where it lies, and how much it has queued. */
export interface QueueCount {
  readonly slot: number;
  /** The last sequence that was given away. */
  readonly last: number;
  readonly messages: number;
  /** Of the payloads. */
  readonly bytes: number;
}

export interface QueueTotals {
  readonly sessions: number;
  readonly messages: number;
  readonly bytes: number;
}

/** The counts of all sessions, with changes that may still be given up. */
export class QueueCounts {
  readonly #kept = new Map<string, QueueCount>();
  /** Null where a session is removed. */
  readonly #changes = new Map<string, QueueCount | null>();
  #keptTotals: QueueTotals = { sessions: 0, messages: 0, bytes: 0 };
  #draftTotals = this.#keptTotals;

  /** Changes that may still be given up are counted. */
  get totals(): QueueTotals {
    return this.#draftTotals;
  }

  get(client: string): QueueCount | null {
    const change = this.#changes.get(client);
    return change === undefined ? (this.#kept.get(client) ?? null) : change;
  }

  set(client: string, count: QueueCount | null): void {
    const before = this.get(client);
    const { sessions, messages, bytes } = this.#draftTotals;
    this.#draftTotals = {
      sessions: sessions + (count === null ? 0 : 1) - (before === null ? 0 : 1),
      messages: messages + (count?.messages ?? 0) - (before?.messages ?? 0),
      bytes: bytes + (count?.bytes ?? 0) - (before?.bytes ?? 0),
    };
    this.#changes.set(client, count);
  }

  landed(): void {
    for (const [client, count] of this.#changes) {
      if (count === null) this.#kept.delete(client);
      else this.#kept.set(client, count);
    }
    this.#changes.clear();
    this.#keptTotals = this.#draftTotals;
  }

  failed(): void {
    this.#changes.clear();
    this.#draftTotals = this.#keptTotals;
  }
}
