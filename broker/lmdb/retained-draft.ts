import { decodeRetained, encodeRetained } from "../session/session-values.ts";
import type { Database } from "lmdb";
import type { RetainedMessage } from "../session/session-store.ts";

/** The retained messages, with changes that are not in the database yet. */
export class RetainedDraft {
  readonly #database: Database<Buffer, Buffer>;
  /** Topic → value, null where it is removed. */
  readonly #changes = new Map<string, Buffer | null>();
  #kept: number;
  #count: number;

  constructor(database: Database<Buffer, Buffer>) {
    this.#database = database;
    this.#kept = database.getKeysCount();
    this.#count = this.#kept;
  }

  get changed(): boolean {
    return this.#changes.size > 0;
  }

  /** False when there are `countMax` already. */
  retain(message: RetainedMessage, countMax: number): boolean {
    const { topic } = message;
    const isThere = this.#has(topic);
    if (message.payload.length === 0) {
      if (isThere) this.#count -= 1;
      this.#changes.set(topic, null);
      return true;
    }
    if (!isThere) {
      if (this.#count >= countMax) return false;
      this.#count += 1;
    }
    this.#changes.set(topic, encodeRetained(message));
    return true;
  }

  /** What topics that begin with `prefix` retain. */
  retained(prefix: string): readonly RetainedMessage[] {
    const start = Buffer.from(prefix);
    const found = new Map<string, Buffer>();
    for (const { key, value } of this.#database.getRange({ start })) {
      if (!key.subarray(0, start.length).equals(start)) break;
      found.set(key.toString(), value);
    }
    for (const [topic, value] of this.#changes) {
      if (value === null) found.delete(topic);
      else if (topic.startsWith(prefix)) found.set(topic, value);
    }
    return [...found].flatMap(([topic, value]) => decodeRetained(topic, value) ?? []);
  }

  write(): void {
    for (const [topic, value] of this.#changes) {
      if (value === null) void this.#database.remove(Buffer.from(topic));
      else void this.#database.put(Buffer.from(topic), value);
    }
  }

  /** The changes are in the database. */
  landed(): void {
    this.#kept = this.#count;
    this.#changes.clear();
  }

  /** The changes are given up. */
  failed(): void {
    this.#count = this.#kept;
    this.#changes.clear();
  }

  #has(topic: string): boolean {
    const change = this.#changes.get(topic);
    return change === undefined ? this.#database.doesExist(Buffer.from(topic)) : change !== null;
  }
}
