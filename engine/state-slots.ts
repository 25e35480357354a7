import { MillraceError } from "../core/errors.ts";
import { compareBytes } from "./byte-order.ts";
import type { z } from "zod";
import type { Slot } from "../core/commit-unit.ts";
import type { FunctionState } from "./function-state.ts";
import type { HeapItem } from "./indexed-heap.ts";
import type { UndoLog } from "./undo-log.ts";

/** Names that begin with this belong to the engine: timers are slots of the function that set them. */
export const RESERVED = "@";
export const TIMER_PREFIX = "@timer/";

/** What a slot takes in memory besides its value, measured roughly. */
export const SLOT_BYTES = 200;

/** What a slot needs of the store that it belongs to. */
export interface SlotKeeper {
  readonly undo: UndoLog;
  /** Notes that the slot changes, and to how many bytes. Called with every change, before it is made; undone with it. */
  touch(slot: TouchableSlot, bytes: number): void;
}

/** What a key needs of the store that it belongs to. */
export interface KeyKeeper extends SlotKeeper {
  /** Notes that what functions keep takes about so many bytes of memory more. */
  grow(bytes: number): void;
  /** What was put away of the key. */
  coldText(key: string): string;
}

/** A slot as the commit unit sees it. */
export interface TouchableSlot {
  touched: boolean;
  /** About how many bytes its value takes as JSON, and the step that wrote it last: kept by the keeper. */
  bytes: number;
  step: number;
  /** False when nothing is kept in it. */
  readonly present: boolean;
  toSlot(): Slot;
  /** Called when the unit that holds it is sealed: lets go of what was deleted. */
  settle(): void;
}

/** A slot of the engine itself, with a shape of its own. Its function name begins with `$`. */
export class EngineSlot<Value> implements TouchableSlot {
  touched = false;
  bytes = 0;
  step = -1;
  value: Value | null = null;
  readonly fn: string;
  readonly key: string;
  readonly name: string;
  private readonly keeper: SlotKeeper;
  private readonly schema: z.ZodType<Value>;

  constructor(keeper: SlotKeeper, schema: z.ZodType<Value>, fn: string, key: string, name: string) {
    this.keeper = keeper;
    this.schema = schema;
    this.fn = fn;
    this.key = key;
    this.name = name;
  }

  set(value: Value | null): void {
    this.keeper.undo.record(putBack<Value>, this, this.value, null);
    this.keeper.touch(this, 0);
    this.value = value;
  }

  get present(): boolean {
    return this.value !== null;
  }

  restore(text: string | null): void {
    this.value = text === null ? null : parseState(this.schema, text, this.fn, this.key, this.name);
  }

  toSlot(): Slot {
    const value = this.value === null ? null : JSON.stringify(this.value);
    return { fn: this.fn, key: this.key, name: this.name, value };
  }

  settle(): void {
    // Engine slots are few and known by place: an empty one stays.
  }
}

/** A slot of a function. What was restored stays text until it is first read: most of it never is. */
export class FunctionSlot implements TouchableSlot {
  touched = false;
  bytes = 0;
  step = -1;
  value: unknown = undefined;
  text: string | null = null;
  readonly name: string;
  private readonly owner: FunctionState;

  constructor(owner: FunctionState, name: string) {
    this.owner = owner;
    this.name = name;
  }

  get present(): boolean {
    return this.value !== undefined || this.text !== null;
  }

  read(): unknown {
    if (this.text !== null) {
      this.value = this.parse(this.text);
      this.text = null;
    }
    return this.value;
  }

  private parse(text: string): unknown {
    const { name: fn, owner, slotOwner } = this.owner;
    try {
      return parseState(slotOwner?.schema ?? null, text, fn, owner.key, this.name);
    } catch (cause) {
      if (slotOwner?.isDeployed !== true) throw cause;
      throw new TypeError(`what ${fn} keeps does not have its shape: an earlier version kept it`, { cause });
    }
  }

  forgetParsed(): void {
    if (this.value === undefined) return;
    this.text = JSON.stringify(this.value);
    this.value = undefined;
  }

  restore(text: string | null): void {
    const bytes = text?.length ?? 0;
    this.owner.keeper.grow(bytes - this.bytes);
    this.value = undefined;
    this.text = text;
    this.bytes = bytes;
  }

  write(value: unknown, bytes: number): void {
    this.change(value, null, bytes);
  }

  /** As after a restore, the value is read of its text. */
  writeText(text: string, bytes: number): void {
    this.change(undefined, text, bytes);
  }

  /** See StateSlots.changed. */
  noteChanged(before: unknown, bytes: number): void {
    const { keeper } = this.owner;
    keeper.grow(bytes - this.bytes);
    keeper.undo.record(putValueBack, this, before, null);
    keeper.touch(this, bytes);
  }

  private change(value: unknown, text: string | null, bytes: number): void {
    const { keeper } = this.owner;
    keeper.grow(bytes - this.bytes);
    keeper.undo.record(putValueBack, this, this.value, this.text);
    keeper.touch(this, bytes);
    this.value = value;
    this.text = text;
  }

  toSlot(): Slot {
    const value = this.text ?? (this.value === undefined ? null : JSON.stringify(this.value));
    return { fn: this.owner.name, key: this.owner.owner.key, name: this.name, value };
  }

  settle(): void {
    if (!this.present && this.owner.slots.delete(this.name)) this.owner.keeper.grow(-SLOT_BYTES - this.bytes);
  }
}

/** A timer of a function: a slot whose value is the watermark at which it fires. */
export class TimerSlot implements TouchableSlot, HeapItem {
  touched = false;
  bytes = 0;
  step = -1;
  heapIndex = -1;
  at: number | null = null;
  readonly name: string;
  readonly owner: FunctionState;

  constructor(owner: FunctionState, name: string) {
    this.owner = owner;
    this.name = name;
  }

  get present(): boolean {
    return this.at !== null;
  }

  set(at: number | null): void {
    const old = this.at;
    if (old === at) return;
    this.owner.keeper.undo.record(placeBack, this, old, null);
    this.owner.keeper.touch(this, 0);
    this.place(at);
  }

  /** Puts it into or takes it out of its key's heap. Timers that no function of the stage would answer rest outside. */
  place(at: number | null): void {
    this.at = at;
    this.owner.owner.placeTimer(this, at !== null && this.owner.answersTimers);
  }

  toSlot(): Slot {
    const value = this.at === null ? null : String(this.at);
    return { fn: this.owner.name, key: this.owner.owner.key, name: TIMER_PREFIX + this.name, value };
  }

  settle(): void {
    if (this.at === null && this.owner.timers.delete(this.name)) this.owner.keeper.grow(-SLOT_BYTES);
  }
}

function putBack<Value>(slot: EngineSlot<Value>, value: Value | null): void {
  slot.value = value;
}

function putValueBack(slot: FunctionSlot, value: unknown, text: string | null): void {
  slot.value = value;
  slot.text = text;
}

function placeBack(timer: TimerSlot, at: number | null): void {
  timer.place(at);
}

/** Within one key: by time, then function, then name. */
export function compareTimers(a: TimerSlot, b: TimerSlot): number {
  return (a.at ?? 0) - (b.at ?? 0) || compareBytes(a.owner.name, b.owner.name) || compareBytes(a.name, b.name);
}

/** STATE_INVALID. */
export function parseState<Value>(schema: z.ZodType<Value>, text: string, fn: string, key: string, name: string): Value;
export function parseState(schema: z.ZodType | null, text: string, fn: string, key: string, name: string): unknown;
export function parseState(schema: z.ZodType | null, text: string, fn: string, key: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return schema === null ? value : schema.parse(value);
  } catch (cause) {
    const where = `${fn} ${key} ${name}`.trimEnd();
    throw new MillraceError("STATE_INVALID", `the restored state slot "${where}" does not have its function's shape`, {
      cause,
    });
  }
}
