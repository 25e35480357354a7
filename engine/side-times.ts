import { z } from "zod";
import { JOIN_SIDES } from "../core/derived-records.ts";
import type { Repartitioned } from "../core/derived-records.ts";
import type { PlacedFunction } from "./function-call.ts";
import type { TimeRules } from "./timer-queue.ts";

const sideTimeSchema = z.object({
  /** Newest event time seen; of a side that nothing has come of, the first of the other one. */
  n: z.number(),
  /** Receive time of the reading that brought it. */
  r: z.number(),
  /** The greatest `upTo` of a flush; null without one. */
  f: z.number().nullable(),
  /** The key of the device whose reading it was. */
  d: z.string(),
  /** False until something has come. */
  seen: z.boolean(),
});
type SideTime = z.infer<typeof sideTimeSchema>;

/** Time of a key at which two sides meet. It has come only as far as the side that is behind. */
export const sideTimesSchema = z.object({ left: sideTimeSchema, right: sideTimeSchema });
export type SideTimes = z.infer<typeof sideTimesSchema>;

/** Which function joins a reading, and the key of the reading's device. */
export interface JoinPlace {
  readonly placed: PlacedFunction;
  readonly device: string;
}

/** What a reading makes of the times; null when it is not newer than what its side has seen. */
export function advanceSide(
  times: SideTimes | null,
  { side, ts }: Pick<Repartitioned, "side" | "ts">,
  received: number,
  device: string,
): SideTimes | null {
  const before = times?.[side];
  if (before?.seen === true && ts <= before.n) return null;
  const moved = { n: ts, r: received, f: before?.f ?? null, d: device, seen: true };
  // A side that nothing has come of is waited for like one that has become silent.
  return { ...(times ?? bothSides({ ...moved, seen: false })), [side]: moved };
}

/**
 * What a flush makes of the times: null when that is nothing. One of some devices is behind a side whose newest reading is of one of them; without
 * devices it is behind everything.
 */
export function flushSides(times: SideTimes, upTo: number, devices: readonly string[] | null): SideTimes | null {
  const isBehind = ({ d, seen }: SideTime): boolean => devices === null || (seen && devices.includes(d));
  const reached = JOIN_SIDES.filter((side) => isBehind(times[side]) && (times[side].f ?? -Infinity) < upTo);
  if (reached.length === 0) return null;
  const flushed = reached.map((side) => [side, { ...times[side], f: upTo }] as const);
  return { ...times, ...Object.fromEntries(flushed) };
}

/** Up to where readings of both sides have come. -Infinity before that. */
export function sidesWatermark({ left, right }: SideTimes, rules: TimeRules): number {
  return Math.min(watermarkOf(left, rules), watermarkOf(right, rules));
}

/** The partition time at which a timer at `at` is due: when the later side has reached it, by readings or by silence. */
export function sidesDueTime({ left, right }: SideTimes, at: number, rules: TimeRules): number {
  return Math.max(dueTimeOf(left, at, rules), dueTimeOf(right, at, rules));
}

function bothSides(time: SideTime): SideTimes {
  return { left: time, right: time };
}

function watermarkOf({ n, f, seen }: SideTime, { outOfOrderMs }: TimeRules): number {
  return Math.max(seen ? n - outOfOrderMs : -Infinity, f ?? -Infinity);
}

function dueTimeOf(side: SideTime, at: number, rules: TimeRules): number {
  if (watermarkOf(side, rules) >= at) return side.r;
  return side.r + rules.idleMs + Math.max(0, at - side.n + rules.outOfOrderMs);
}
