import { compareBytes } from "./byte-order.ts";
import { KeyState } from "./key-state.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { UndoLog } from "./undo-log.ts";
import type { ColdEntry, ColdState } from "./cold-state.ts";
import type { Slot } from "../core/commit-unit.ts";
import type { SlotOwner } from "./function-state.ts";
import type { KeyKeeper, TouchableSlot } from "./state-slots.ts";

/** The key of what belongs to the whole partition. */
export const PARTITION_KEY = "";

/** Of a slot's function, key and name. */
const SLOT_BYTES = 100;

/** Of what may stay in memory: so much is left when keys are put away, so that it is not done with every unit. */
const KEPT_SHARE = 0.75;

/** All state of one partition, and what of it has changed since the last unit. */
export class StateStore implements KeyKeeper {
  readonly undo: UndoLog;
  private readonly slotOwners: ReadonlyMap<string, SlotOwner>;
  private readonly keys = new Map<string, KeyState>();
  /** The first `touchedCount` have changed in this unit. It never shrinks: a unit holds thousands. */
  private readonly touched: (TouchableSlot | null)[] = [];
  private touchedCount = 0;
  private step = 0;
  /** About how many bytes the slots changed since the last unit take in it, and those changed in this step. */
  touchedBytes = 0;
  stepBytes = 0;
  private sorted: readonly KeyState[] | null = null;
  /** About how many bytes of memory take what functions keep, of keys that are not put away. */
  private warmBytes = 0;
  private readonly cold: ColdState | null;
  /** Where the search for keys that were not used has come to. */
  private hand: Iterator<KeyState> | null = null;

  constructor(undo: UndoLog, slotOwners: ReadonlyMap<string, SlotOwner>, cold: ColdState | null = null) {
    this.undo = undo;
    this.slotOwners = slotOwners;
    this.cold = cold;
  }

  /** The key's state, made when it is not there. */
  key(key: string): KeyState {
    const known = this.keys.get(key);
    if (known !== undefined) {
      known.used = true;
      return known;
    }
    const made = new KeyState(this, this.slotOwners, key);
    this.keys.set(key, made);
    this.sorted = null;
    return made;
  }

  /** The state of a record's key; null when the key names no device. */
  deviceKey(key: string | null): KeyState | null {
    if (key === null) return null;
    const known = this.keys.get(key);
    if (known === undefined) return parseDeviceKey(key) === null ? null : this.key(key);
    known.used = true;
    return known.tenant === "" ? null : known;
  }

  grow(bytes: number): void {
    this.warmBytes += bytes;
  }

  coldText(key: string): string {
    if (this.cold === null) throw new TypeError(`nothing can have been put away of ${key}`);
    return this.cold.get(key);
  }

  /** True when more is in memory than may be: at the end of a unit something can be put away. */
  get isTooWarm(): boolean {
    return this.cold !== null && this.warmBytes > this.cold.bytesMax();
  }

  /**
   * When too much is in memory, puts keys away that were not used for longest, as the clock algorithm has it (Corbató 1968): a hand goes round,
   * and takes those that were not used since it came by. To be called when no slot is touched.
   */
  coolDown(): void {
    const { cold } = this;
    if (cold === null || !this.isTooWarm) return;
    // What was undone since is still counted.
    this.warmBytes = 0;
    for (const key of this.keys.values()) this.warmBytes += key.functionBytes();
    const target = cold.bytesMax() * KEPT_SHARE;
    const entries: ColdEntry[] = [];
    const leaving = new Set<KeyState>();
    let left = this.warmBytes;
    // Twice round: the first time it may only find that all were used.
    for (let looks = 2 * this.keys.size; looks > 0 && left > target; looks -= 1) {
      const key = this.nextOfHand();
      const wasUsed = key.used;
      key.used = false;
      const stays = wasUsed || key.key === PARTITION_KEY || leaving.has(key);
      const entry = stays ? null : key.coldEntry();
      if (entry === null) continue;
      entries.push(entry);
      leaving.add(key);
      left -= key.functionBytes();
    }
    if (!cold.put(entries)) return;
    for (const key of leaving) key.coolDown();
    this.warmBytes = left;
  }

  private nextOfHand(): KeyState {
    for (;;) {
      this.hand ??= this.keys.values();
      const { value, done } = this.hand.next();
      if (done !== true) return value;
      this.hand = null;
    }
  }

  /** About how many bytes of memory all keys take: looks at every slot. */
  get bytes(): number {
    let bytes = 0;
    for (const key of this.keys.values()) bytes += key.bytes;
    return bytes;
  }

  bytesByFunction(): ReadonlyMap<string, number> {
    const bytes = new Map<string, number>();
    for (const key of this.keys.values()) key.addBytesTo(bytes);
    return bytes;
  }

  /** Each slot counts once in a unit and once in a step, with what it holds in the end. */
  touch(slot: TouchableSlot, bytes: number): void {
    const { bytes: oldBytes, step: oldStep, touched } = slot;
    this.undo.record(this.untouch, slot, oldBytes, oldStep);
    this.touchedBytes += touched ? bytes - oldBytes : SLOT_BYTES + bytes;
    this.stepBytes += oldStep === this.step ? bytes - oldBytes : SLOT_BYTES + bytes;
    slot.bytes = bytes;
    slot.step = this.step;
    if (touched) return;
    slot.touched = true;
    this.touched[this.touchedCount] = slot;
    this.touchedCount += 1;
  }

  /** A slot that was touched stays in the unit, with what it held before. */
  private readonly untouch = (slot: TouchableSlot, oldBytes: number, oldStep: number): void => {
    const more = slot.bytes - oldBytes;
    this.touchedBytes -= more;
    this.stepBytes -= oldStep === slot.step ? more : SLOT_BYTES + slot.bytes;
    slot.bytes = oldBytes;
    slot.step = oldStep;
  };

  /** What changes from here on is another step's. */
  beginStep(): void {
    this.step += 1;
    this.stepBytes = 0;
  }

  /** All keys in byte order. */
  inKeyOrder(): readonly KeyState[] {
    this.sorted ??= [...this.keys.values()].sort((a, b) => compareBytes(a.key, b.key));
    return this.sorted;
  }

  /** Ends a unit: the slots that it changed, as they are now, in the order of first change. */
  takeTouched(): Slot[] {
    const slots: Slot[] = [];
    for (let place = 0; place < this.touchedCount; place += 1) {
      const slot = this.touched[place];
      if (slot !== null && slot !== undefined) slots.push(slot.toSlot());
    }
    this.settleTouched();
    return slots;
  }

  /** Ends a unit that nobody keeps: what it changed is not written down. */
  settleTouched(): void {
    for (let place = 0; place < this.touchedCount; place += 1) {
      const slot = this.touched[place];
      if (slot === null || slot === undefined) continue;
      // What was deleted is not to be held by it.
      this.touched[place] = null;
      slot.touched = false;
      if (!slot.present) slot.settle();
    }
    this.touchedCount = 0;
    this.touchedBytes = 0;
  }
}
