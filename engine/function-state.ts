import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { assertJson } from "./json-check.ts";
import { jsonFault } from "./json-fault.ts";
import { compareBytes } from "./byte-order.ts";
import { NamedItems } from "./named-items.ts";
import { FunctionSlot, RESERVED, SLOT_BYTES, TIMER_PREFIX, TimerSlot } from "./state-slots.ts";
import type { z } from "zod";
import type { StateSlots } from "../core/function.ts";
import type { KeyState } from "./key-state.ts";
import type { KeyKeeper } from "./state-slots.ts";

/** What a stage's function means for its slots: their shape, and whether its timers can fire. */
export interface SlotOwner {
  readonly schema: z.ZodType | null;
  readonly answersTimers: boolean;
  /** Of a user's function: state that it cannot read is its own fault, and ends nothing but the call. */
  readonly isDeployed: boolean;
}

/** All slots and timers of one function and key. It is what the function sees as `state`. */
export class FunctionState implements StateSlots<unknown> {
  readonly slots = new NamedItems<FunctionSlot>();
  readonly timers = new NamedItems<TimerSlot>();
  /** Of the function. */
  readonly name: string;
  readonly owner: KeyState;
  readonly keeper: KeyKeeper;
  private readonly slotOwners: ReadonlyMap<string, SlotOwner>;

  constructor(keeper: KeyKeeper, owner: KeyState, name: string, slotOwners: ReadonlyMap<string, SlotOwner>) {
    this.keeper = keeper;
    this.owner = owner;
    this.name = name;
    this.slotOwners = slotOwners;
  }

  /** Looked up each time: a deploy changes it. Null when no function of the stage has this name. */
  get slotOwner(): SlotOwner | null {
    return this.slotOwners.get(this.name) ?? null;
  }

  get answersTimers(): boolean {
    return this.slotOwner?.answersTimers ?? false;
  }

  /** As after a restore: values are text until they are read, and timers rest unless the function answers them. */
  readAnew(): void {
    for (const slot of this.slots.values()) slot.forgetParsed();
    for (const timer of this.timers.values()) timer.place(timer.at);
  }

  /** A slot or timer as the journal has it. STATE_INVALID. */
  restore(name: string, value: string | null): void {
    if (name.startsWith(TIMER_PREFIX)) {
      const timer = this.timerOf(name.slice(TIMER_PREFIX.length));
      const at = value === null ? null : Number(value);
      if (at !== null && !Number.isSafeInteger(at)) {
        throw new MillraceError("STATE_INVALID", `a timer of ${this.name} has no time`);
      }
      timer.place(at);
      if (at === null) timer.settle();
      return;
    }
    const slot = this.slotOf(name);
    slot.restore(value);
    if (value === null) slot.settle();
  }

  /** All that is there, as `restore` takes it. */
  kept(): [name: string, value: string][] {
    const kept: [string, string][] = [];
    for (const slot of [...this.slots.values(), ...this.timers.values()]) {
      const { name, value } = slot.toSlot();
      if (value !== null) kept.push([name, value]);
    }
    return kept;
  }

  get(name: string): unknown {
    return this.slots.get(name)?.read();
  }

  set(name: string, value: unknown): void {
    if (value === undefined) throw new TypeError("undefined is not a JSON value: delete the slot instead");
    const bytes = requireFits(requireJson(value));
    this.slotOf(name).write(value, bytes);
  }

  changed(name: string, before: unknown): void {
    const slot = this.slots.get(name);
    if (slot === undefined) return;
    // Checked and counted as a new one, so that a step is as large as after a restore.
    const bytes = requireJson(slot.value);
    slot.noteChanged(before, bytes);
    // Behind the note: what is too large is put back by it.
    requireFits(bytes);
  }

  delete(name: string): void {
    const slot = this.slots.get(name);
    if (slot?.present === true) slot.write(undefined, 0);
  }

  names(): readonly string[] {
    const present = this.slots.values().filter((slot) => slot.present);
    return present.map((slot) => slot.name).sort(compareBytes);
  }

  slotOf(name: string): FunctionSlot {
    const known = this.slots.get(name);
    if (known !== undefined) return known;
    if (name.startsWith(RESERVED)) throw new TypeError(`slot names must not begin with "${RESERVED}"`);
    requireWellFormed(name);
    const made = new FunctionSlot(this, name);
    this.keeper.grow(SLOT_BYTES);
    this.slots.add(made);
    return made;
  }

  timerOf(name: string): TimerSlot {
    const known = this.timers.get(name);
    if (known !== undefined) return known;
    requireWellFormed(name);
    const made = new TimerSlot(this, name);
    this.keeper.grow(SLOT_BYTES);
    this.timers.add(made);
    return made;
  }
}

function requireFits(bytes: number): number {
  if (bytes <= LIMITS.stateSlotBytesMax) return bytes;
  const text = `its state would take about ${bytes} bytes of one device; ${LIMITS.stateSlotBytesMax} are allowed, since all of it is written with each change. Keep less: sums instead of values, a window, or the newest few`;
  throw new RangeError(text);
}

/** As `assertJson`, naming what is no JSON and where. */
function requireJson(value: unknown): number {
  try {
    return assertJson(value);
  } catch (error) {
    const fault = jsonFault(value);
    throw fault === null ? error : new TypeError(fault);
  }
}

/** A lone surrogate would come back from the journal as U+FFFD, under another name. */
function requireWellFormed(name: string): void {
  if (!name.isWellFormed()) throw new TypeError("names of slots and timers must be well-formed Unicode");
}
