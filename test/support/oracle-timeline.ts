/**
 * What the oracles are given: the messages of one partition in log order, as they were sent. They recompute in batch, over whole
 * columns and by definition; they know no timers, heaps, state or commit units.
 */
export interface OracleMessage {
  /** Null for a tick: it only moves partition time. */
  readonly device: string | null;
  readonly received: number;
  /** Empty for a duplicate. */
  readonly readings: readonly OracleReading[];
}

export interface OracleReading {
  readonly ts: number;
  readonly values: Readonly<Record<string, number | string | boolean>>;
}

export interface OracleTime {
  readonly outOfOrderMs: number;
  readonly allowedLatenessMs: number;
  readonly idleMs: number;
}

/** One reading in its device's timeline, with what event time was known to be when it came. */
export interface TimelinePoint {
  readonly message: number;
  readonly ts: number;
  readonly values: OracleReading["values"];
  /** Newest event time of the device before it, minus outOfOrder. */
  readonly watermark: number;
  /** How far silence had moved the device's time when the message came. */
  readonly silence: number;
}

export interface Timeline {
  readonly device: string;
  readonly points: readonly TimelinePoint[];
  /** Watermark and silence at the end of the recording. */
  readonly end: { readonly watermark: number; readonly silence: number };
}

/** One timeline per device. `flushUpTo` is the flush that ends the recording. */
export function timelinesOf(messages: readonly OracleMessage[], time: OracleTime, flushUpTo: number): Timeline[] {
  const partitionTimes = runningMax(messages.map((message) => message.received));
  const devices = new Set(messages.flatMap(({ device }) => (device === null ? [] : [device])));
  return [...devices].map((device) => {
    const own = messages.flatMap((message, index) => (message.device === device ? [{ ...message, index }] : []));
    const readings = own.flatMap(({ readings: all, index, received }) => {
      return all.map((reading) => ({ ...reading, message: index, received }));
    });
    const newest = runningMax(readings.map(({ ts }) => ts));
    const receivedOfNewest = bringers(readings.map(({ ts }) => ts)).map((place) => readings[place]?.received ?? 0);
    const silenceAfter = (place: number, partitionTime: number): number => {
      if (place < 0) return -Infinity;
      const silentFor = partitionTime - (receivedOfNewest[place] ?? 0);
      return (newest[place] ?? 0) - time.outOfOrderMs + silentFor - time.idleMs;
    };
    const firstOfMessage = firstPlaces(readings.map(({ message }) => message));
    const points = readings.map(({ ts, values, message }, place): TimelinePoint => {
      const before = (firstOfMessage[place] ?? 0) - 1;
      const watermark = (newest[place - 1] ?? -Infinity) - time.outOfOrderMs;
      return { message, ts, values, watermark, silence: silenceAfter(before, partitionTimes[message] ?? 0) };
    });
    const silence = Math.max(flushUpTo, silenceAfter(readings.length - 1, partitionTimes.at(-1) ?? 0));
    return { device, points, end: { watermark: (newest.at(-1) ?? -Infinity) - time.outOfOrderMs, silence } };
  });
}

function runningMax(values: readonly number[]): number[] {
  let max = -Infinity;
  return values.map((value) => (max = Math.max(max, value)));
}

/** For each place, where the running maximum was first reached. */
function bringers(values: readonly number[]): number[] {
  let place = -1;
  let max = -Infinity;
  return values.map((value, index) => {
    if (value > max) {
      max = value;
      place = index;
    }
    return place;
  });
}

/** For each place, the first place with the same value in an unbroken run. */
function firstPlaces(values: readonly number[]): number[] {
  let first = 0;
  return values.map((value, index) => {
    if (index > 0 && values[index - 1] !== value) first = index;
    return first;
  });
}
