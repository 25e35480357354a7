import { timelinesOf } from "./oracle-timeline.ts";
import type { OracleMessage, OracleTime, Timeline, TimelinePoint } from "./oracle-timeline.ts";

export interface OracleAggregate {
  readonly revision: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly first: number;
  readonly last: number;
}

export interface OracleAggregates {
  /** Key: `device metric size start`. */
  readonly windows: ReadonlyMap<string, OracleAggregate>;
  readonly lateDropped: number;
}

/** Tumbling windows recomputed from the whole list: first which readings count and which are late, then the sums. */
export function oracleAggregates(
  messages: readonly OracleMessage[],
  sizes: readonly number[],
  time: OracleTime,
  flushUpTo: number,
): OracleAggregates {
  const windows = new Map<string, OracleAggregate>();
  let lateDropped = 0;
  for (const timeline of timelinesOf(messages, time, flushUpTo)) {
    const droppedPoints = new Set<number>();
    for (const size of sizes) {
      const fates = fatesOf(timeline, size, time.allowedLatenessMs);
      fates.forEach((fate, place) => fate === "dropped" && droppedPoints.add(place));
      for (const [key, members] of membersOf(timeline, size, fates)) windows.set(key, summed(members));
    }
    lateDropped += droppedPoints.size;
  }
  return { windows, lateDropped };
}

type Fate = "nothing" | "on-time" | "late" | "dropped";

/** By definition: late when its window was closed before it came, dropped when it had been let go. */
function fatesOf({ points }: Timeline, size: number, allowedLatenessMs: number): Fate[] {
  const fates: Fate[] = [];
  /** Ends of the windows that hold something, ascending: only those can have been closed or let go by silence. */
  const ends: number[] = [];
  const closedBySilence = new Set<number>();
  let open: number[] = [];
  let ofMessage: number[] = [];
  let expiredTo = -Infinity;
  points.forEach((point, place) => {
    if (points[place - 1]?.message !== point.message) {
      insertAll(ends, ofMessage);
      open = [...open, ...ofMessage];
      ofMessage = [];
      open.filter((end) => end <= point.silence).forEach((end) => closedBySilence.add(end));
      open = open.filter((end) => end > point.silence && end > point.watermark);
      expiredTo = Math.max(expiredTo, greatestUpTo(ends, point.silence - allowedLatenessMs));
    }
    if (numbersOf(point).length === 0) {
      fates.push("nothing");
      return;
    }
    const end = (Math.floor(point.ts / size) + 1) * size;
    const dropped = end <= expiredTo || end + allowedLatenessMs <= point.watermark;
    const late = end <= point.watermark || closedBySilence.has(end);
    fates.push(dropped ? "dropped" : late ? "late" : "on-time");
    if (!dropped) ofMessage.push(end);
  });
  return fates;
}

interface Member {
  readonly ts: number;
  readonly value: number;
  readonly late: boolean;
}

function membersOf({ device, points }: Timeline, size: number, fates: readonly Fate[]): Map<string, Member[]> {
  const members = new Map<string, Member[]>();
  points.forEach((point, place) => {
    const fate = fates[place];
    if (fate === "dropped") return;
    for (const [metric, value] of numbersOf(point)) {
      const key = `${device} ${metric} ${size} ${Math.floor(point.ts / size) * size}`;
      const list = members.get(key) ?? [];
      list.push({ ts: point.ts, value, late: fate === "late" });
      members.set(key, list);
    }
  });
  return members;
}

function summed(members: readonly Member[]): OracleAggregate {
  const values = members.map(({ value }) => value);
  const times = members.map(({ ts }) => ts);
  const sum = values.reduce((total, value) => total + value);
  const late = members.filter((member) => member.late).length;
  const firstPlace = times.indexOf(times.reduce((a, b) => Math.min(a, b)));
  const lastPlace = times.lastIndexOf(times.reduce((a, b) => Math.max(a, b)));
  return {
    revision: late === members.length ? late - 1 : late,
    count: members.length,
    sum,
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    mean: sum / members.length,
    first: values[firstPlace] ?? NaN,
    last: values[lastPlace] ?? NaN,
  };
}

function numbersOf({ values }: TimelinePoint): [string, number][] {
  return Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === "number");
}

function insertAll(sorted: number[], more: readonly number[]): void {
  for (const value of more) {
    let place = sorted.length;
    while (place > 0 && (sorted[place - 1] ?? 0) > value) place -= 1;
    if (sorted[place - 1] !== value) sorted.splice(place, 0, value);
  }
}

function greatestUpTo(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1] ?? -Infinity;
}
