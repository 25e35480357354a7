import { timelinesOf } from "./oracle-timeline.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { OracleMessage, OracleTime, Timeline, TimelinePoint } from "./oracle-timeline.ts";

export interface OracleAlarm {
  readonly device: string;
  readonly rule: string;
  readonly since: number;
  readonly raised: number;
  readonly raisedValue: number | null;
  /** Null while still active at the end. */
  readonly cleared: number | null;
  readonly clearedValue: number | null;
}

export interface OracleAlarms {
  readonly alarms: readonly OracleAlarm[];
  readonly lateForAlarm: number;
}

/** A reading that a rule applies, and how far event time is known to have come before the next one of them. */
interface Applied {
  readonly ts: number;
  readonly value: number;
  readonly until: number;
}

/** Alarms recomputed by looking ahead through each device's whole list of readings, rule by rule. */
export function oracleAlarms(
  messages: readonly OracleMessage[],
  rules: readonly AlarmRule[],
  time: OracleTime,
  flushUpTo: number,
): OracleAlarms {
  const alarms: OracleAlarm[] = [];
  let lateForAlarm = 0;
  for (const timeline of timelinesOf(messages, time, flushUpTo)) {
    const latePlaces = new Set<number>();
    for (const rule of rules) {
      const { applied, late } = appliedOf(timeline, rule);
      late.forEach((place) => latePlaces.add(place));
      for (const found of rule.condition.kind === "threshold"
        ? thresholdAlarms(applied, rule)
        : silences(applied, rule)) {
        alarms.push({ device: timeline.device, rule: rule.id, ...found });
      }
    }
    lateForAlarm += latePlaces.size;
  }
  return { alarms, lateForAlarm };
}

function appliedOf({ points, end }: Timeline, rule: AlarmRule): { applied: Applied[]; late: number[] } {
  const { condition } = rule;
  const places = points.flatMap((point, place) => {
    return condition.kind === "no-data" || typeof point.values[condition.metric] === "number" ? [place] : [];
  });
  let newest = -Infinity;
  const late = places.filter((place) => {
    const ts = points[place]?.ts ?? 0;
    const isLate = ts < newest;
    newest = Math.max(newest, ts);
    return isLate;
  });
  const kept = places.filter((place) => !late.includes(place));
  const applied = kept.flatMap((place, index) => {
    const point = points[place];
    if (point === undefined) return [];
    const next = kept[index + 1];
    const value = condition.kind === "threshold" ? Number(point.values[condition.metric]) : 0;
    return [{ ts: point.ts, value, until: knownUntil(points, place, next, end) }];
  });
  return { applied, late };
}

function knownUntil(
  points: readonly TimelinePoint[],
  place: number,
  next: number | undefined,
  end: Timeline["end"],
): number {
  // Silence counts from the messages that came after this one, up to and including the next one's.
  const between = points.slice(place + 1, next === undefined ? undefined : next + 1);
  const silences = between.filter((point) => point.message !== points[place]?.message).map((point) => point.silence);
  const known = Math.max(-Infinity, ...silences);
  if (next === undefined) return Math.max(known, end.watermark, end.silence);
  const nextPoint = points[next];
  return Math.max(known, nextPoint?.watermark ?? 0, nextPoint?.ts ?? 0);
}

type Found = Omit<OracleAlarm, "device" | "rule">;

function thresholdAlarms(applied: readonly Applied[], rule: AlarmRule): Found[] {
  const found: Found[] = [];
  let place = 0;
  let notBefore = -Infinity;
  for (;;) {
    place = findFrom(applied, place, ({ value }) => holds(rule, value, false));
    const begin = applied[place];
    if (begin === undefined) return found;
    const since = Math.max(begin.ts, notBefore);
    const raised = since + rule.onDelayMs;
    // The run of readings that hold, up to where event time has come to `raised`.
    const decided = findFrom(applied, place, ({ until }, at) => {
      const next = applied[at + 1];
      return until >= raised || next === undefined || !holds(rule, next.value, false);
    });
    const last = applied[decided];
    if (last === undefined) return found;
    place = decided + 1;
    if (last.until < raised) continue;
    const ending = endOf(applied, place, rule);
    found.push({ since, raised, raisedValue: last.value, ...clearedOf(ending, raised) });
    if (ending === null) return found;
    place = ending.place + 1;
    notBefore = since + 1;
  }
}

interface Ending {
  readonly place: number;
  readonly at: number;
  readonly value: number | null;
}

/** The first time that the condition is gone and stays so for the off-delay. */
function endOf(applied: readonly Applied[], from: number, rule: AlarmRule): Ending | null {
  let place = from;
  for (;;) {
    place = findFrom(applied, place, ({ value }) => !holds(rule, value, true));
    const gone = applied[place];
    if (gone === undefined) return null;
    const at = gone.ts + rule.offDelayMs;
    const back = findFrom(applied, place, ({ value }) => holds(rule, value, true));
    const decided = findFrom(applied, place, ({ until }) => until >= at);
    if (decided < back && decided < applied.length) return { place: decided, at, value: gone.value };
    if (back >= applied.length) return null;
    place = back;
  }
}

function silences(applied: readonly Applied[], rule: AlarmRule): Found[] {
  const afterMs = rule.condition.kind === "no-data" ? rule.condition.afterMs : 0;
  const found: Found[] = [];
  let place = 0;
  let notBefore = -Infinity;
  for (;;) {
    const since = (point: Applied): number => Math.max(point.ts + afterMs, notBefore);
    place = findFrom(applied, place, (point) => point.until >= since(point) + rule.onDelayMs);
    const quiet = applied[place];
    if (quiet === undefined) return found;
    const began = since(quiet);
    const raised = began + rule.onDelayMs;
    const ending = endOfSilence(applied, place + 1, rule.offDelayMs, afterMs);
    found.push({ since: began, raised, raisedValue: null, ...clearedOf(ending, raised) });
    if (ending === null) return found;
    place = ending.place;
    notBefore = began + 1;
  }
}

function endOfSilence(applied: readonly Applied[], from: number, offDelayMs: number, afterMs: number): Ending | null {
  let gone = from;
  for (;;) {
    const first = applied[gone];
    if (first === undefined) return null;
    const at = first.ts + offDelayMs;
    const decided = findFrom(applied, gone, ({ ts, until }) => until >= Math.min(at, ts + afterMs));
    const last = applied[decided];
    if (last === undefined) return null;
    if (at <= last.ts + afterMs) return { place: decided, at, value: null };
    gone = decided + 1;
  }
}

function clearedOf(ending: Ending | null, raised: number): Pick<Found, "cleared" | "clearedValue"> {
  if (ending === null) return { cleared: null, clearedValue: null };
  return { cleared: Math.max(ending.at, raised), clearedValue: ending.value };
}

function holds({ condition }: AlarmRule, value: number, active: boolean): boolean {
  if (condition.kind !== "threshold") return false;
  const back = active ? condition.deadband : 0;
  if (condition.op === ">") return value > condition.value - back;
  if (condition.op === ">=") return value >= condition.value - back;
  if (condition.op === "<") return value < condition.value + back;
  return value <= condition.value + back;
}

/** The first place at or after `from` that satisfies; the length when none does. */
function findFrom(applied: readonly Applied[], from: number, test: (point: Applied, place: number) => boolean): number {
  const found = applied.findIndex((point, place) => place >= from && test(point, place));
  return found < 0 ? applied.length : found;
}
