import { z } from "zod";
import { compareBytes } from "./byte-order.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { IndexedHeap } from "./indexed-heap.ts";
import { sideTimesSchema, type SideTimes } from "./side-times.ts";
import type { DeviceConfig } from "./stage-config.ts";
import { EngineSlot, FunctionState, compareTimers } from "./state-slots.ts";
import type { Slot } from "../core/commit-unit.ts";
import type { HeapItem } from "./indexed-heap.ts";
import type { SlotKeeper, SlotOwner, TimerSlot, TouchableSlot } from "./state-slots.ts";

const keyTimeSchema = z.object({
  /** Newest event time seen; null before the first reading. */
  n: z.number().nullable(),
  /** Receive time of the reading that brought it. */
  r: z.number(),
  /** The greatest `upTo` of a flush; null without one. */
  f: z.number().nullable(),
});
export type KeyTime = z.infer<typeof keyTimeSchema>;

export const TIME_FUNCTION = "$time";
export const SIDES_SLOT = "sides";
/** What the objects themselves take, measured roughly. */
const KEY_BYTES = 600;
const FUNCTION_BYTES = 600;
const SLOT_BYTES = 200;

/** Behind the key of what is joined stands the function that joins it: its time is its own. No id holds a blank. */
const FUNCTION_MARK = " ";

/** The key under which a function has what it joins by this key. */
export function joinKey(key: string, fn: string): string {
  return key + FUNCTION_MARK + fn;
}

/**
 * All state of one key (`tenant/device`; of what is joined that and the function, see `joinKey`; the empty key holds what belongs to the
 * partition).
 */
export class KeyState implements HeapItem {
  heapIndex = -1;
  /** Never above the partition time at which the key's earliest timer is due: see timer-queue.ts. */
  dueAt = Infinity;
  readonly key: string;
  /** The same without a function. */
  readonly deviceKey: string;
  /** Of what is joined, the function; else null. */
  readonly joinedBy: string | null;
  readonly tenant: string;
  readonly device: string;
  readonly time: EngineSlot<KeyTime>;
  /** Instead of `time`, of what is joined. */
  readonly sides: EngineSlot<SideTimes>;
  /** What applies to the device, as of a state of the configuration: kept by StageConfig. */
  config: { readonly version: number; readonly of: DeviceConfig } | null = null;
  readonly timers = new IndexedHeap<TimerSlot>(compareTimers);
  /** Slots of the engine under this key, for snapshots. */
  readonly engineSlots: TouchableSlot[] = [];
  private readonly functions = new Map<string, FunctionState>();
  private readonly keeper: SlotKeeper;
  private readonly slotOwners: ReadonlyMap<string, SlotOwner>;

  constructor(keeper: SlotKeeper, slotOwners: ReadonlyMap<string, SlotOwner>, key: string) {
    const [ofDevice = "", joinedBy] = key.split(FUNCTION_MARK);
    const parsed = parseDeviceKey(ofDevice);
    this.key = key;
    this.deviceKey = ofDevice;
    this.joinedBy = joinedBy ?? null;
    this.tenant = parsed?.tenant ?? "";
    this.device = parsed?.device ?? "";
    this.keeper = keeper;
    this.slotOwners = slotOwners;
    this.time = new EngineSlot(keeper, keyTimeSchema, TIME_FUNCTION, key, "");
    this.engineSlots.push(this.time);
    this.sides = new EngineSlot(keeper, sideTimesSchema, TIME_FUNCTION, key, SIDES_SLOT);
    if (this.joinedBy !== null) this.engineSlots.push(this.sides);
  }

  functionState(fn: string): FunctionState {
    const known = this.functions.get(fn);
    if (known !== undefined) return known;
    const made = new FunctionState(this.keeper, this, fn, this.slotOwners);
    this.functions.set(fn, made);
    return made;
  }

  /** True when the function has a slot or timer here. */
  hasStateOf(fn: string): boolean {
    const state = this.functions.get(fn);
    return state !== undefined && (anyOf(state.slots, (slot) => slot.present) || anyOf(state.timers, isSet));
  }

  /** To be called when the function is another one now. */
  readAnew(fn: string): void {
    this.functions.get(fn)?.readAnew();
  }

  /** What is joined has a time as long as something is kept of the key: keys may be many, and each be there once. */
  forgetTime(): void {
    if (this.sides.value !== null && this.joinedBy !== null && !this.hasStateOf(this.joinedBy)) this.sides.set(null);
  }

  /** Erases what the function holds here. */
  forget(fn: string): void {
    const state = this.functions.get(fn);
    if (state === undefined) return;
    for (const name of state.slots.keys()) state.delete(name);
    for (const timer of state.timers.values()) timer.set(null);
  }

  /** Erases what functions hold here, and the key's time. */
  erase(): void {
    for (const fn of this.functions.keys()) this.forget(fn);
    if (this.time.value !== null) this.time.set(null);
    if (this.sides.value !== null) this.sides.set(null);
  }

  isErased(): boolean {
    for (const fn of this.functions.keys()) if (this.hasStateOf(fn)) return false;
    return this.time.value === null && this.sides.value === null;
  }

  /** Everything that is there, by function and name in byte order. */
  slots(): Slot[] {
    const all: TouchableSlot[] = [...this.engineSlots];
    for (const state of this.functions.values()) all.push(...state.slots.values(), ...state.timers.values());
    const slots = all.map((slot) => slot.toSlot()).filter((slot) => slot.value !== null);
    return slots.sort((a, b) => compareBytes(a.fn, b.fn) || compareBytes(a.name, b.name));
  }

  /** About how many bytes of memory it takes. */
  get bytes(): number {
    let bytes = KEY_BYTES + this.key.length + this.engineSlots.length * SLOT_BYTES;
    for (const state of this.functions.values()) bytes += bytesOf(state);
    return bytes;
  }

  /** Adds what each function takes here. */
  addBytesTo(bytes: Map<string, number>): void {
    for (const [fn, state] of this.functions) bytes.set(fn, (bytes.get(fn) ?? 0) + bytesOf(state));
  }
}

function bytesOf({ slots, timers }: FunctionState): number {
  let bytes = FUNCTION_BYTES + timers.size * SLOT_BYTES;
  for (const slot of slots.values()) bytes += SLOT_BYTES + slot.bytes;
  return bytes;
}

function isSet(timer: TimerSlot): boolean {
  return timer.at !== null;
}

function anyOf<Value>(map: ReadonlyMap<string, Value>, test: (value: Value) => boolean): boolean {
  for (const value of map.values()) if (test(value)) return true;
  return false;
}
