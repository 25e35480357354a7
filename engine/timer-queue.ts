import { compareBytes } from "./byte-order.ts";
import { IndexedHeap } from "./indexed-heap.ts";
import { advanceSide, sidesDueTime, sidesWatermark } from "./side-times.ts";
import type { Repartitioned } from "../core/derived-records.ts";
import type { DeviceType } from "../core/device-type.ts";
import type { KeyState } from "./key-state.ts";

/** How a key's time runs: from its device type. */
export type TimeRules = Pick<DeviceType, "outOfOrderMs" | "idleMs">;

/**
 * The watermark that readings have brought about: newest event time − outOfOrder, or what a flush has set. It alone makes readings
 * late. Silence is a guess: it fires timers (below), but a device that uploads what it buffered must not find its data late.
 */
export function eventWatermark(key: KeyState, rules: TimeRules): number {
  const sides = key.sides === null ? null : key.sides.value;
  if (sides !== null) return sidesWatermark(sides, rules);
  const { newest, flushedTo } = key.time;
  return Math.max(newest - rules.outOfOrderMs, flushedTo);
}

/** A reading has come: the newest one is what the key's time goes by. */
export function moveTime(key: KeyState, ts: number, receiveTime: number): void {
  key.time.advance(ts, receiveTime);
}

/** The same of what is joined. */
export function moveSide(key: KeyState, reading: Repartitioned, receiveTime: number, device: string): void {
  const moved = advanceSide(key.sides?.value ?? null, reading, receiveTime, device);
  if (moved !== null) key.sides?.set(moved);
}

/**
 * The partition time R at which a timer at `at` is due: when newest − outOfOrder + (R − its receive time) − idle reaches it, so that
 * silence goes on from where the events have come. A timer that the events themselves have reached is due since then.
 */
export function dueTime(key: KeyState, at: number, rules: TimeRules): number {
  const sides = key.sides === null ? null : key.sides.value;
  if (sides !== null) return sidesDueTime(sides, at, rules);
  const { present, newest, receivedAt } = key.time;
  if (!present) return Infinity;
  const reached = eventWatermark(key, rules) >= at;
  // Without a reading silence cannot be measured: Infinity.
  const bySilence = at - newest + rules.outOfOrderMs + receivedAt + rules.idleMs;
  return reached ? Math.min(bySilence, receivedAt) : bySilence;
}

/**
 * Which key's timer is due first, over all keys of the partition. A key's place may be too early, never too late: a message usually
 * only postpones it, which is worked out when the key comes to the top, so that a message costs nothing here.
 */
export class TimerQueue {
  private readonly heap = new IndexedHeap<KeyState>((a, b) => a.dueAt - b.dueAt || compareBytes(a.key, b.key));
  private readonly rulesOf: (key: KeyState) => TimeRules;

  constructor(rulesOf: (key: KeyState) => TimeRules) {
    this.rulesOf = rulesOf;
  }

  /** To be called after every change to the key's timers, time or device type. */
  refresh(key: KeyState): void {
    const due = this.dueOf(key);
    if (due === Infinity) {
      this.heap.remove(key);
      key.dueAt = Infinity;
    } else if (key.heapIndex < 0 || due < key.dueAt) {
      key.dueAt = due;
      this.heap.update(key);
    }
  }

  /** The key whose timer is due first, with `dueAt` exact. */
  first(): KeyState | undefined {
    for (;;) {
      const top = this.heap.peek();
      if (top === undefined) return undefined;
      const due = this.dueOf(top);
      if (due <= top.dueAt) return top;
      top.dueAt = due;
      if (due === Infinity) this.heap.remove(top);
      else this.heap.update(top);
    }
  }

  private dueOf(key: KeyState): number {
    const at = key.nextTimerAt;
    return at === null ? Infinity : dueTime(key, at, this.rulesOf(key));
  }
}
