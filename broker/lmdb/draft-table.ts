import type { Database } from "lmdb";
import type { SlotKey } from "./session-environment.ts";

/** A database by session, with changes that are not in it yet: what is read is as if they were. */
export class DraftTable {
  readonly #database: Database<Buffer, SlotKey>;
  /** Slot → id → value, null where it is removed. */
  readonly #changes = new Map<number, Map<number, Buffer | null>>();

  constructor(database: Database<Buffer, SlotKey>) {
    this.#database = database;
  }

  get changed(): boolean {
    return this.#changes.size > 0;
  }

  get(slot: number, id: number): Buffer | null {
    const change = this.#changes.get(slot)?.get(id);
    return change === undefined ? (this.#database.get([slot, id]) ?? null) : change;
  }

  set(slot: number, id: number, value: Buffer | null): void {
    const ofSlot = this.#changes.get(slot);
    if (ofSlot === undefined) this.#changes.set(slot, new Map([[id, value]]));
    else ofSlot.set(id, value);
  }

  removeAll(slot: number): void {
    for (const [, id] of this.#database.getKeys(range(slot, 0))) this.set(slot, id, null);
    for (const id of this.#changes.get(slot)?.keys() ?? []) this.set(slot, id, null);
  }

  /** Ids from `from` on and their values, in order, `count` at most. */
  from(slot: number, from: number, count: number): readonly (readonly [id: number, value: Buffer])[] {
    const changes = this.#changes.get(slot) ?? new Map<number, Buffer | null>();
    const removed = [...changes.values()].filter((value) => value === null).length;
    const limit = Math.min(count + removed, Number.MAX_SAFE_INTEGER);
    const found = new Map<number, Buffer>();
    for (const { key, value } of this.#database.getRange({ ...range(slot, from), limit })) found.set(key[1], value);
    for (const [id, value] of changes) {
      if (value === null) found.delete(id);
      else if (id >= from) found.set(id, value);
    }
    return [...found].toSorted(([a], [b]) => a - b).slice(0, count);
  }

  /** Within a batch: puts the changes into the database. */
  write(): void {
    for (const [slot, changes] of this.#changes) {
      for (const [id, value] of changes) {
        if (value === null) void this.#database.remove([slot, id]);
        else void this.#database.put([slot, id], value);
      }
    }
  }

  /** The changes are in the database, or are given up. */
  clear(): void {
    this.#changes.clear();
  }
}

function range(slot: number, from: number): { start: SlotKey; end: SlotKey } {
  return { start: [slot, from], end: [slot + 1, 0] };
}
