import { FIELD, FIELDS, type StagedReadings } from "./staged-readings.ts";
import type { DeviceValues } from "./latest-values.ts";
import type { MetricGroup, SeriesNames } from "./series-names.ts";

/** The rows of one metric of a tenant. */
export interface GroupRows extends MetricGroup {
  readonly from: number;
  readonly to: number;
}

/** Where rows of readings go when they lie as their table is sorted: by tenant, metric, device and arrival. */
export interface ReadingOrder {
  /** The readings, by device. */
  readonly readings: Uint32Array;
  readonly groups: readonly GroupRows[];
  /** By the number of a group: where its first row goes. */
  readonly starts: Uint32Array;
}

/**
 * Counts and deals out: what has readings by device needs only go to its metrics for all rows to be sorted. ClickHouse, which sorts them by time too,
 * then finds them in order, unless a device has sent older readings later. It need not be right about characters beyond ASCII: ClickHouse looks again.
 */
export function orderReadings(
  staged: StagedReadings,
  names: SeriesNames,
  devices: readonly DeviceValues[],
): ReadingOrder {
  const counts = new Uint32Array(names.groups.length);
  const readingsOfShapes = new Uint32Array(names.shapes.length);
  for (let at = 0; at < FIELDS * staged.readings; at += FIELDS)
    increment(readingsOfShapes, staged.numbers[at + FIELD.shape] ?? 0, 1);
  for (const { number, groups } of names.shapes)
    for (const group of groups) increment(counts, group, readingsOfShapes[number] ?? 0);
  const starts = new Uint32Array(counts.length);
  const groups: GroupRows[] = [];
  let from = 0;
  for (const group of sortedNumbers(names.groups, compareGroups)) {
    const [named, to] = [names.groups[group], from + (counts[group] ?? 0)];
    starts[group] = from;
    if (named !== undefined && to > from) groups.push({ ...named, from, to });
    from = to;
  }
  return { readings: orderByDevice(staged, devices), groups, starts };
}

function orderByDevice({ numbers, readings }: StagedReadings, devices: readonly DeviceValues[]): Uint32Array {
  const next = new Uint32Array(devices.length);
  for (let at = FIELD.device; at < FIELDS * readings; at += FIELDS) increment(next, numbers[at] ?? 0, 1);
  let from = 0;
  for (const device of sortedNumbers(devices, (one, other) => compareTexts(one.device, other.device))) {
    const count = next[device] ?? 0;
    next[device] = from;
    from += count;
  }
  const order = new Uint32Array(readings);
  for (let reading = 0; reading < readings; reading += 1) {
    const device = numbers[FIELDS * reading + FIELD.device] ?? 0;
    const at = next[device] ?? 0;
    order[at] = reading;
    next[device] = at + 1;
  }
  return order;
}

function increment(counts: Uint32Array, at: number, by: number): void {
  counts[at] = (counts[at] ?? 0) + by;
}

/** Places in a list, in the order of what stands there. */
function sortedNumbers<T>(list: readonly T[], compare: (one: T, other: T) => number): readonly number[] {
  const entries = list.map((value, number) => ({ value, number }));
  return entries.sort((one, other) => compare(one.value, other.value)).map(({ number }) => number);
}

function compareGroups(one: MetricGroup, other: MetricGroup): number {
  return compareTexts(one.tenant, other.tenant) || compareTexts(one.metric, other.metric);
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
