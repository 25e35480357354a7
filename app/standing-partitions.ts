import { LIMITS } from "../core/limits.ts";
import { consumersOf, positionsOf, rangesOf } from "./ledger/hops.ts";
import type { LogStatus } from "../core/event-log.ts";

interface Track {
  readonly offset: number;
  readonly since: number;
}

/** Follows the partitions of every consumer from look to look, and tells of those that stand although something waits in them. */
export class StandingPartitions {
  private tracks = new Map<string, Track>();

  /** By consumer: what stands. `now`: UTC ms. */
  look(status: LogStatus, now: number): ReadonlyMap<string, string> {
    const ranges = rangesOf(status);
    const tracks = new Map<string, Track>();
    const texts = new Map<string, string>();
    for (const { name, journal } of consumersOf(status)) {
      const standing: number[] = [];
      let records = 0;
      let since = now;
      for (const { topic, partition, offset } of positionsOf(status, journal)) {
        const waiting = (ranges.get(`${topic}/${partition}`)?.endOffset ?? 0) - offset;
        if (waiting <= 0) continue;
        const key = `${journal} ${topic}/${partition}`;
        const before = this.tracks.get(key);
        const track = before?.offset === offset ? before : { offset, since: now };
        tracks.set(key, track);
        if (now - track.since < LIMITS.standingMsMax) continue;
        standing.push(partition);
        records += waiting;
        since = Math.min(since, track.since);
      }
      if (standing.length > 0) texts.set(name, textOf(name, standing, records, now - since));
    }
    this.tracks = tracks;
    return texts;
  }
}

function textOf(name: string, partitions: readonly number[], records: number, forMs: number): string {
  const [first = 0, ...others] = partitions.toSorted((a, b) => a - b);
  const where = others.length === 0 ? `partition ${first}` : `${partitions.length} partitions, the first is ${first}`;
  return `${name} has not come further for ${Math.round(forMs / 1000)} s in ${where}, where ${records} records wait. See the other faults and the log for why; of users' functions, "millrace usage --slow" names those that take the time, and undeploying or rolling back lets the others go on`;
}
