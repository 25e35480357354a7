import { compareBytes } from "./byte-order.ts";
import { KeyState } from "./key-state.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { UndoLog } from "./undo-log.ts";
import type { Slot } from "../core/commit-unit.ts";
import type { SlotKeeper, SlotOwner, TouchableSlot } from "./state-slots.ts";

/** The key of what belongs to the whole partition. */
export const PARTITION_KEY = "";

/** Of a slot's function, key and name. */
const SLOT_BYTES = 100;

/** All state of one partition, and what of it has changed since the last unit. */
export class StateStore implements SlotKeeper {
  readonly undo: UndoLog;
  private readonly slotOwners: ReadonlyMap<string, SlotOwner>;
  private readonly keys = new Map<string, KeyState>();
  private touched: TouchableSlot[] = [];
  private step = 0;
  /** About how many bytes the slots changed since the last unit take in it, and those changed in this step. */
  touchedBytes = 0;
  stepBytes = 0;
  private sorted: readonly KeyState[] | null = null;

  constructor(undo: UndoLog, slotOwners: ReadonlyMap<string, SlotOwner>) {
    this.undo = undo;
    this.slotOwners = slotOwners;
  }

  /** The key's state, made when it is not there. */
  key(key: string): KeyState {
    const known = this.keys.get(key);
    if (known !== undefined) return known;
    const made = new KeyState(this, this.slotOwners, key);
    this.keys.set(key, made);
    this.sorted = null;
    return made;
  }

  /** The state of a record's key; null when the key names no device. */
  deviceKey(key: string | null): KeyState | null {
    if (key === null) return null;
    const known = this.keys.get(key);
    if (known !== undefined) return known.tenant === "" ? null : known;
    return parseDeviceKey(key) === null ? null : this.key(key);
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
    const { touchedBytes, stepBytes } = this;
    const { bytes: oldBytes, step: oldStep, touched } = slot;
    this.undo.record(() => {
      // A slot that was touched stays in the unit, with what it held before.
      this.touchedBytes = touched ? touchedBytes : touchedBytes + SLOT_BYTES + oldBytes;
      this.stepBytes = stepBytes;
      slot.bytes = oldBytes;
      slot.step = oldStep;
    });
    this.touchedBytes += touched ? bytes - oldBytes : SLOT_BYTES + bytes;
    this.stepBytes += oldStep === this.step ? bytes - oldBytes : SLOT_BYTES + bytes;
    slot.bytes = bytes;
    slot.step = this.step;
    if (touched) return;
    slot.touched = true;
    this.touched.push(slot);
  }

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
    const touched = this.touched;
    this.touched = [];
    this.touchedBytes = 0;
    return touched.map((slot) => {
      slot.touched = false;
      const taken = slot.toSlot();
      if (taken.value === null) slot.settle();
      return taken;
    });
  }
}
