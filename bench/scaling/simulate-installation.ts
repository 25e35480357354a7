import { poisson, randomOf } from "./random.ts";
import { TimeQueue } from "./time-queue.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Expected, StationKind } from "./stations.ts";

/** What was seen of the busiest stations of a role. */
export interface Seen extends Expected {
  readonly role: StationKind["role"];
  /** Messages that all stations of the role passed on. */
  readonly passed: number;
}

export interface SimulationOptions {
  readonly stations: readonly StationKind[];
  readonly arrivals: (gateway: number) => Arrivals;
  readonly seconds: number;
  /** Of the beginning, in which nothing is counted. */
  readonly warmUpSeconds: number;
  readonly seed: number;
}

/** Messages that were passed on by a role so far: how many, and the sum of the times. */
interface Stream {
  count: number;
  timeSum: number;
}

interface Sums {
  busySeconds: number;
  lagSum: number;
  messages: number;
}

/** [how many, when they came in the middle]. */
type Group = [count: number, at: number];

/**
 * Plays an installation: discrete events, no clock, chance from the seed. A gateway takes what comes to it; every station collects, works a batch and
 * passes it on as one; each of the next role takes its share of what was passed on since it last looked, with the noise that hashing keys gives.
 */
export function simulateInstallation(options: SimulationOptions): readonly Seen[] {
  const { stations, arrivals, seconds, warmUpSeconds, seed } = options;
  const queue = new TimeQueue();
  const random = randomOf(seed);
  const streams = stations.map((): Stream => ({ count: 0, timeSum: 0 }));
  const sums = stations.map((): Sums => ({ busySeconds: 0, lagSum: 0, messages: 0 }));
  stations.forEach((kind, role) => {
    const passedOn = streams[role];
    const sum = sums[role];
    if (passedOn === undefined || sum === undefined) return;
    for (let index = 0; index < kind.count; index += 1) {
      const before = streams[role - 1];
      const take =
        before === undefined ? takeArrivals(arrivals(index)) : takeShare(before, kind.shareOf(index), random);
      const counted = kind.shareOf(index) >= kind.busiestShare ? sum : null;
      const station = { kind, take, passedOn, counted, warmUpSeconds, seconds };
      runStation(queue, station, random() * kind.lingerSeconds);
    }
  });
  queue.runUntil(seconds);
  return stations.map((kind, role) => {
    const { busySeconds, lagSum, messages } = sums[role] ?? { busySeconds: 0, lagSum: 0, messages: 0 };
    const busiest = Array.from({ length: kind.count }, (_, index) => kind.shareOf(index)).filter(
      (share) => share >= kind.busiestShare,
    ).length;
    return {
      role: kind.role,
      utilisation: busySeconds / busiest / (seconds - warmUpSeconds),
      lagSeconds: messages === 0 ? 0 : lagSum / messages,
      passed: streams[role]?.count ?? 0,
    };
  });
}

/** Gives what has come since it was last asked. */
type Take = (at: number) => Group;

function takeArrivals(arrivals: Arrivals): Take {
  let from = 0;
  return (at) => {
    const { count, timeSum } = arrivals.take(from, at);
    from = at;
    return [count, count === 0 ? at : timeSum / count];
  };
}

function takeShare(stream: Stream, share: number, random: () => number): Take {
  let known: Stream = { count: 0, timeSum: 0 };
  return (at) => {
    const count = stream.count - known.count;
    const middle = count === 0 ? at : (stream.timeSum - known.timeSum) / count;
    known = { ...stream };
    return [share === 1 ? count : poisson(count * share, random), middle];
  };
}

interface Station {
  readonly kind: StationKind;
  readonly take: Take;
  readonly passedOn: Stream;
  readonly counted: Sums | null;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

function runStation(queue: TimeQueue, station: Station, firstAt: number): void {
  const { kind, take, passedOn, counted, warmUpSeconds, seconds } = station;
  const waiting: Group[] = [];
  let [held, lastLook, rate] = [0, 0, 0];
  const look = (at: number): void => {
    const group = take(at);
    if (at > lastLook) rate = group[0] / (at - lastLook);
    lastLook = at;
    held += group[0];
    if (group[0] > 0) waiting.push(group);
  };
  const begin = (at: number): void => {
    look(at);
    const batch = takeBatch(waiting, kind.batchMax);
    const count = batch.reduce((sum, [size]) => sum + size, 0);
    held -= count;
    const busy = count * kind.secondsPerMessage;
    const done = at + busy;
    // Work that reaches into what is not counted any more counts up to there.
    if (counted !== null)
      counted.busySeconds += Math.max(0, Math.min(done, seconds) - Math.min(Math.max(at, warmUpSeconds), seconds));
    queue.schedule(done, (now) => {
      passedOn.count += count;
      passedOn.timeSum += count * now;
      if (counted !== null && now >= warmUpSeconds) {
        counted.messages += count;
        for (const [size, came] of batch) counted.lagSum += size * (now - came);
      }
      look(now);
      const full = rate > 0 ? Math.max(0, (kind.batchMax - held) / rate) : Infinity;
      queue.schedule(now + Math.min(kind.lingerSeconds, full), begin);
    });
  };
  queue.schedule(firstAt, begin);
}

/** The oldest, at most so many. */
function takeBatch(waiting: Group[], most: number): Group[] {
  const batch: Group[] = [];
  let room = most;
  for (let first = waiting[0]; first !== undefined && room > 0; first = waiting[0]) {
    const taken = Math.min(room, first[0]);
    batch.push([taken, first[1]]);
    room -= taken;
    if (taken < first[0]) waiting[0] = [first[0] - taken, first[1]];
    else waiting.shift();
  }
  return batch;
}
