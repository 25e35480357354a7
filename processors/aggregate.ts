import { z } from "zod";
import { finite } from "../core/finite.ts";
import { defineStream } from "../core/function.ts";
import { LIMITS } from "../core/limits.ts";
import { emitWritten } from "../engine/function-call.ts";
import { createWindowFold } from "../engine/windows/window-fold.ts";
import { laneNamed, tumblingLane } from "../engine/windows/window-lanes.ts";
import { WrittenAggregate } from "../wire/written-aggregate.ts";
import type { DeviceEvent, Reading } from "../core/derived-records.ts";
import type { StreamContext } from "../core/function.ts";
import type { EmitCause, FoldSlot } from "../engine/windows/window-fold.ts";
import type { Window } from "../engine/windows/window-lanes.ts";

/**
 * All metrics of one window: names, and nine numbers for each, end to end. Flat, because a window is copied with every reading: one
 * copy of an array of numbers costs a tenth of one per metric.
 */
const windowValuesSchema = z.object({
  metrics: z.array(z.string()),
  numbers: z.array(z.number()),
  /** How many values found no place, because the window holds all the metrics that it may. */
  left: z.number().optional(),
});
type WindowValues = z.infer<typeof windowValuesSchema>;

const COUNT = 0;
const SUM = 1;
const MIN = 2;
const MAX = 3;
const FIRST = 4;
/** Event times are kept from the window's start: short texts in the journal. */
const FIRST_AT = 5;
const LAST = 6;
const LAST_AT = 7;
/** -1 while the window is open. */
const REVISION = 8;
const WIDTH = 9;

const fold = createWindowFold<Reading, WindowValues>({
  acc: windowValuesSchema,
  lanes: (type) => type.windowMs.map(tumblingLane),
  laneNamed,
  allowedLatenessMs: (type) => type.allowedLatenessMs,
  earlyMs: null,
  add: addReading,
  copy: ({ numbers, ...rest }) => ({ ...rest, numbers: numbers.slice() }),
  emit: emitWindow,
});

/** Tumbling windows per device and metric: count, sum, min, max, mean, first, last of numbers. Sizes come from the device type. */
export const aggregate = defineStream<"readings", FoldSlot<WindowValues>>({
  name: "aggregate",
  version: 1,
  input: "readings",
  outputs: ["aggregates", "device-events"],
  state: fold.state,
  onInput: fold.onInput,
  onTimer: fold.onTimer,
  onTimerFailed: fold.onTimerFailed,
});

function addReading(acc: WindowValues | undefined, reading: Reading, window: Window): WindowValues | undefined {
  if (acc === undefined) return firstOf(reading, window);
  if (holdsAll(acc, reading)) return changeBy(acc, reading, window);
  let { metrics, left = 0 } = acc;
  const numbers = acc.numbers.slice();
  const at = reading.ts - window.start;
  for (const metric in reading.metrics) {
    const value = reading.metrics[metric];
    if (typeof value !== "number") continue;
    const place = metrics.indexOf(metric);
    if (place >= 0) {
      addValue(numbers, place * WIDTH, at, value);
    } else if (metrics.length >= LIMITS.metricsPerWindowMax) {
      left += 1;
    } else {
      metrics = [...metrics, metric];
      const base = numbers.length;
      numbers.push(...ROOM.slice(0, WIDTH));
      setValue(numbers, base, at, value);
    }
  }
  return windowValues(metrics, numbers, left);
}

/** Of so many metrics, each window's numbers fit into a copy of these; fractions, so that V8 has room for any number. */
const ROOM = Array.from({ length: LIMITS.metricsPerWindowMax * WIDTH }, () => 0.5);

/** Of the window's first reading; undefined when it has no number. In arrays of exactly the size: there are as many as devices. */
function firstOf({ metrics: values, ts }: Reading, window: Window): WindowValues | undefined {
  const names: string[] = [];
  let left = 0;
  for (const metric in values) {
    if (typeof values[metric] !== "number") continue;
    if (names.length < LIMITS.metricsPerWindowMax) names.push(metric);
    else left += 1;
  }
  if (names.length === 0) return undefined;
  const metrics = sharedNames.of(names);
  const numbers = ROOM.slice(0, metrics.length * WIDTH);
  const at = ts - window.start;
  for (const [place, metric] of metrics.entries()) {
    const value = values[metric];
    if (typeof value === "number") setValue(numbers, place * WIDTH, at, value);
  }
  return windowValues(metrics, numbers, left);
}

/** Devices of a fleet send the same metrics: windows that begin one after the other share a list of their names, which nothing changes. */
class SharedNames {
  private last: string[] = [];

  of(names: string[]): string[] {
    const isSame = names.length === this.last.length && names.every((name, place) => name === this.last[place]);
    if (!isSame) this.last = names;
    return this.last;
  }
}

const sharedNames = new SharedNames();

function setValue(numbers: number[], base: number, at: number, value: number): void {
  numbers[base + COUNT] = 1;
  numbers[base + SUM] = value;
  numbers[base + MIN] = value;
  numbers[base + MAX] = value;
  numbers[base + FIRST] = value;
  numbers[base + FIRST_AT] = at;
  numbers[base + LAST] = value;
  numbers[base + LAST_AT] = at;
  numbers[base + REVISION] = -1;
}

/** True when the window has a place for each number of the reading. */
function holdsAll({ metrics }: WindowValues, reading: Reading): boolean {
  for (const metric in reading.metrics) {
    if (typeof reading.metrics[metric] === "number" && !metrics.includes(metric)) return false;
  }
  return true;
}

/** As nearly all are: in place. */
function changeBy(acc: WindowValues, reading: Reading, window: Window): WindowValues | undefined {
  let any = false;
  for (const metric in reading.metrics) {
    const value = reading.metrics[metric];
    if (typeof value !== "number") continue;
    addValue(acc.numbers, acc.metrics.indexOf(metric) * WIDTH, reading.ts - window.start, value);
    any = true;
  }
  return any ? acc : undefined;
}

function addValue(numbers: number[], base: number, at: number, value: number): void {
  numbers[base + COUNT] = read(numbers, base + COUNT) + 1;
  // A sum beyond what a number can hold stays at the greatest: infinity is no JSON.
  numbers[base + SUM] = finite(read(numbers, base + SUM) + value);
  if (value < read(numbers, base + MIN)) numbers[base + MIN] = value;
  if (value > read(numbers, base + MAX)) numbers[base + MAX] = value;
  if (at < read(numbers, base + FIRST_AT)) {
    numbers[base + FIRST] = value;
    numbers[base + FIRST_AT] = at;
  }
  if (at >= read(numbers, base + LAST_AT)) {
    numbers[base + LAST] = value;
    numbers[base + LAST_AT] = at;
  }
}

function emitWindow(
  acc: WindowValues,
  window: Window,
  cause: EmitCause<Reading>,
  context: StreamContext<FoldSlot<WindowValues>>,
): WindowValues {
  const late = cause.kind === "late" ? cause.reading : null;
  const { metrics, numbers } = acc;
  for (const [place, metric] of metrics.entries()) {
    if (late !== null && typeof late.metrics[metric] !== "number") continue;
    const base = place * WIDTH;
    const revision = read(numbers, base + REVISION) + 1;
    numbers[base + REVISION] = revision;
    emitWritten(context, "aggregates", aggregateOf(numbers, base, { metric, window, revision, context }));
  }
  if (late === null && acc.left !== undefined) emitLeft(acc.left, window, context);
  return acc;
}

function windowValues(metrics: string[], numbers: number[], left: number): WindowValues {
  return left === 0 ? { metrics, numbers } : { metrics, numbers, left };
}

/** The values are stored all the same: it is only this window that lacks them. */
function emitLeft(left: number, window: Window, context: StreamContext<FoldSlot<WindowValues>>): void {
  const { tenant, device, receiveTime: received } = context;
  const seconds = (window.end - window.start) / 1000;
  const detail = `a window of ${seconds} s holds ${LIMITS.metricsPerWindowMax} metrics: ${left} values of others are not in it`;
  const event: DeviceEvent = { v: 1, tenant, device, kind: "too-many-metrics", ts: window.start, received, detail };
  context.emit("device-events", event);
}

interface AggregateHead {
  readonly metric: string;
  readonly window: Window;
  readonly revision: number;
  readonly context: Pick<StreamContext<unknown>, "tenant" | "device">;
}

function aggregateOf(
  numbers: readonly number[],
  base: number,
  { metric, window, revision, context }: AggregateHead,
): WrittenAggregate {
  const count = read(numbers, base + COUNT);
  const sum = read(numbers, base + SUM);
  written.tenant = context.tenant;
  written.device = context.device;
  written.metric = metric;
  written.start = window.start;
  written.size = window.end - window.start;
  written.revision = revision;
  written.count = count;
  written.sum = sum;
  written.min = read(numbers, base + MIN);
  written.max = read(numbers, base + MAX);
  written.mean = sum / count;
  written.first = read(numbers, base + FIRST);
  written.last = read(numbers, base + LAST);
  return written;
}

/** Each is written before the next: a window makes one per metric, and there are as many as messages. */
const written = new WrittenAggregate();

function read(numbers: readonly number[], index: number): number {
  return numbers[index] ?? 0;
}
