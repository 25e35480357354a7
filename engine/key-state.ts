import { compareBytes } from "./byte-order.ts";
import { coldText, readColdText } from "./cold-state.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { IndexedHeap } from "./indexed-heap.ts";
import { KeyTime, TIME_FUNCTION } from "./key-time.ts";
import { NamedItems } from "./named-items.ts";
import { sideTimesSchema, type SideTimes } from "./side-times.ts";
import type { ResolvedConfig } from "./stage-config.ts";
import { FunctionState } from "./function-state.ts";
import { EngineSlot, SLOT_BYTES, compareTimers } from "./state-slots.ts";
import type { Slot } from "../core/commit-unit.ts";
import type { ColdEntry } from "./cold-state.ts";
import type { HeapItem } from "./indexed-heap.ts";
import type { SlotOwner } from "./function-state.ts";
import type { FunctionSlot, KeyKeeper, TimerSlot, TouchableSlot } from "./state-slots.ts";

export const SIDES_SLOT = "sides";
/** What the objects themselves take, measured roughly. */
const KEY_BYTES = 600;
const FUNCTION_BYTES = 600;

/** Of every key that no timer is set for, or that is put away: nothing changes it. */
const NO_TIMERS = new IndexedHeap<TimerSlot>(compareTimers);
const NO_FUNCTIONS = new NamedItems<FunctionState>();

/** What is known in memory of a key whose functions' slots are put away. */
interface Cold {
  /** When its first timer fires; null without one. */
  readonly timerAt: number | null;
  /** The functions that keep something, and about how many bytes each. */
  readonly functions: readonly string[];
  readonly bytes: readonly number[];
}

/** Behind the key of what is joined stands the function that joins it: its time is its own. No id holds a blank. */
const FUNCTION_MARK = " ";

/** The key under which a function has what it joins by this key. */
export function joinKey(key: string, fn: string): string {
  return key + FUNCTION_MARK + fn;
}

/**
 * All state of one key (`tenant/device`; of what is joined that and the function, see `joinKey`; the empty key holds what belongs to the
 * partition). What its functions keep may be put away: it comes back as after a restore, when it is asked for.
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
  readonly time: KeyTime;
  /** Instead of `time`, of what is joined; null of all other keys. */
  readonly sides: EngineSlot<SideTimes> | null;
  /** What applies to the device, as of a state of the configuration: kept by StageConfig. */
  config: ResolvedConfig | null = null;
  /** True since it was last asked for, until the keeper takes it back. */
  used = true;
  private functions = NO_FUNCTIONS;
  private setTimers = NO_TIMERS;
  /** Slots of the engine under this key besides its time. */
  private engineSlots: TouchableSlot[] | null = null;
  private cold: Cold | null = null;
  private readonly keeper: KeyKeeper;
  private readonly slotOwners: ReadonlyMap<string, SlotOwner>;

  constructor(keeper: KeyKeeper, slotOwners: ReadonlyMap<string, SlotOwner>, key: string) {
    const [ofDevice = "", joinedBy] = key.split(FUNCTION_MARK);
    const parsed = parseDeviceKey(ofDevice);
    this.key = key;
    this.deviceKey = ofDevice;
    this.joinedBy = joinedBy ?? null;
    this.tenant = parsed?.tenant ?? "";
    this.device = parsed?.device ?? "";
    this.keeper = keeper;
    this.slotOwners = slotOwners;
    this.time = new KeyTime(keeper, key);
    this.sides =
      joinedBy === undefined ? null : new EngineSlot(keeper, sideTimesSchema, TIME_FUNCTION, key, SIDES_SLOT);
    if (this.sides !== null) this.addEngineSlot(this.sides);
  }

  addEngineSlot(slot: TouchableSlot): void {
    if (this.engineSlots === null) this.engineSlots = [slot];
    else this.engineSlots.push(slot);
  }

  /** The next one that is set and can fire. */
  get firstTimer(): TimerSlot | undefined {
    this.warmUp();
    return this.setTimers.peek();
  }

  /** When `firstTimer` fires; null without one. */
  get nextTimerAt(): number | null {
    return this.cold === null ? (this.setTimers.peek()?.at ?? null) : this.cold.timerAt;
  }

  /** To be called when a timer of the key has another time. Those that cannot fire rest outside. */
  placeTimer(timer: TimerSlot, canFire: boolean): void {
    if (!canFire) return this.setTimers.remove(timer);
    if (this.setTimers === NO_TIMERS) this.setTimers = new IndexedHeap(compareTimers);
    this.setTimers.update(timer);
  }

  functionState(fn: string): FunctionState {
    this.warmUp();
    const known = this.functions.get(fn);
    if (known !== undefined) return known;
    const made = new FunctionState(this.keeper, this, fn, this.slotOwners);
    this.keeper.grow(FUNCTION_BYTES);
    if (this.functions === NO_FUNCTIONS) this.functions = new NamedItems();
    this.functions.add(made);
    return made;
  }

  /** True when the function has a slot or timer here. */
  hasStateOf(fn: string): boolean {
    if (this.cold !== null) return this.cold.functions.includes(fn);
    const state = this.functions.get(fn);
    return state !== undefined && isFilled(state);
  }

  /** To be called when the function is another one now: which timers it answers may differ. */
  readAnew(fn: string): void {
    if (this.cold === null) this.functions.get(fn)?.readAnew();
    else if (this.cold.functions.includes(fn)) this.whileWarm(() => undefined);
  }

  /** What is joined has a time as long as something is kept of the key: keys may be many, and each be there once. */
  forgetTime(): void {
    const { sides, joinedBy } = this;
    if (sides !== null && sides.value !== null && joinedBy !== null && !this.hasStateOf(joinedBy)) sides.set(null);
  }

  /** Erases what the function holds here. */
  forget(fn: string): void {
    this.warmUp();
    const state = this.functions.get(fn);
    if (state === undefined) return;
    for (const { name } of state.slots.values()) state.delete(name);
    for (const timer of state.timers.values()) timer.set(null);
  }

  /** Erases what functions hold here, and the key's time. */
  erase(): void {
    this.warmUp();
    for (const { name } of this.functions.values()) this.forget(name);
    this.time.erase();
    if (this.sides !== null && this.sides.value !== null) this.sides.set(null);
  }

  isErased(): boolean {
    if (this.cold !== null) return false;
    if (this.functions.some(isFilled)) return false;
    return !this.time.present && (this.sides === null || this.sides.value === null);
  }

  /** What is to be put away for `coolDown`; null when there is nothing, or it is away already. Nothing of it may be touched. */
  coldEntry(): ColdEntry | null {
    if (this.cold !== null) return null;
    const filled = this.filled();
    if (filled.length === 0) return null;
    return { key: this.key, text: coldText(filled.map((state) => [state.name, state.kept()])) };
  }

  /** Lets go of what `coldEntry` gave. */
  coolDown(): void {
    const filled = this.filled();
    const functions = filled.map(({ name }) => name);
    this.cold = { timerAt: this.nextTimerAt, functions, bytes: filled.map((state) => bytesOf(state)) };
    this.functions = NO_FUNCTIONS;
    this.setTimers = NO_TIMERS;
  }

  /** Of functions that keep something here. */
  private filled(): FunctionState[] {
    return this.functions.values().filter(isFilled);
  }

  private warmUp(): void {
    if (this.cold === null) return;
    const text = this.keeper.coldText(this.key);
    this.cold = null;
    for (const [fn, slots] of readColdText(text)) {
      const state = this.functionState(fn);
      for (const [name, value] of slots) state.restore(name, value);
    }
  }

  /** Brings back what is away, and lets go of it again: it must not be changed. */
  private whileWarm<Result>(look: () => Result): Result {
    const wasCold = this.cold !== null;
    this.warmUp();
    const result = look();
    if (wasCold) {
      this.keeper.grow(-this.functionBytes());
      this.coolDown();
    }
    return result;
  }

  /** Everything that is there, by function and name in byte order. */
  slots(): Slot[] {
    return this.whileWarm(() => {
      const all: TouchableSlot[] = [this.time, ...(this.engineSlots ?? [])];
      for (const state of this.functions.values()) all.push(...state.slots.values(), ...state.timers.values());
      const slots = all.map((slot) => slot.toSlot()).filter((slot) => slot.value !== null);
      return slots.sort((a, b) => compareBytes(a.fn, b.fn) || compareBytes(a.name, b.name));
    });
  }

  /** About how many bytes of memory it takes. */
  get bytes(): number {
    return KEY_BYTES + this.key.length + (1 + (this.engineSlots?.length ?? 0)) * SLOT_BYTES + this.functionBytes();
  }

  /** Of that, what could be put away. */
  functionBytes(): number {
    let bytes = 0;
    for (const state of this.functions.values()) bytes += bytesOf(state);
    return bytes;
  }

  /** Adds what each function keeps here, put away or not. */
  addBytesTo(bytes: Map<string, number>): void {
    for (const state of this.functions.values()) {
      bytes.set(state.name, (bytes.get(state.name) ?? 0) + bytesOf(state));
    }
    if (this.cold === null) return;
    for (const [place, fn] of this.cold.functions.entries()) {
      bytes.set(fn, (bytes.get(fn) ?? 0) + (this.cold.bytes[place] ?? 0));
    }
  }
}

function bytesOf({ slots, timers }: FunctionState): number {
  let bytes = FUNCTION_BYTES + timers.size * SLOT_BYTES;
  for (const slot of slots.values()) bytes += SLOT_BYTES + slot.bytes;
  return bytes;
}

function isFilled({ slots, timers }: FunctionState): boolean {
  return slots.some(isPresent) || timers.some(isSet);
}

function isPresent(slot: FunctionSlot): boolean {
  return slot.present;
}

function isSet(timer: TimerSlot): boolean {
  return timer.at !== null;
}
