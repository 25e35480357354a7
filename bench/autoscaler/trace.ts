/** A load and what happens meanwhile. Times in seconds from the beginning; every function is of the time alone. */
export interface Trace {
  readonly name: string;
  /** One sentence for the page. */
  readonly what: string;
  readonly seconds: number;
  readonly initialReplicas: number;
  /** Records per second of all partitions. */
  readonly arrivals: (at: number) => number;
  /** Relative share of a partition; they need not add up to anything. */
  readonly share: (partition: number, at: number) => number;
  /** Records per second that the sink takes of all replicas together: Infinity, or what a slow one does, or 0 while it is away. */
  readonly sink: (at: number) => number;
  readonly isMeasured: (at: number) => boolean;
  /** How old counters are when they are read. */
  readonly delaySeconds: number;
  readonly podStartSeconds: number;
  readonly stepSeconds: number;
}

export const PARTITIONS = 32;
/** Records per second of one replica. */
export const POD_RATE = 1000;
/** How long a partition rests that goes to another replica: commit, claim, restore. */
export const MOVE_SECONDS = 1;
/** Older than this, a record is late. */
export const LATE_SECONDS = 5;

type Given = Pick<Trace, "name" | "what" | "seconds" | "arrivals"> & Partial<Trace>;

/** Hashed keys: partitions differ a little, always in the same way. */
export const evenShare = (partition: number): number => 1 + 0.15 * Math.sin(partition * 12.9898);

export function traceOf(given: Given): Trace {
  return {
    initialReplicas: 1,
    share: evenShare,
    sink: () => Infinity,
    isMeasured: () => true,
    delaySeconds: 0,
    podStartSeconds: 10,
    stepSeconds: 0.5,
    ...given,
  };
}

/** [from this second on, records per second], the last that has begun. */
export function steps(...levels: readonly (readonly [from: number, rate: number])[]): (at: number) => number {
  return (at) => levels.findLast(([from]) => at >= from)?.[1] ?? 0;
}

/** Straight lines between [second, records per second]. */
export function lines(...points: readonly (readonly [at: number, rate: number])[]): (at: number) => number {
  return (at) => {
    const after = points.findIndex(([from]) => from > at);
    const [right, left] = [points[after], points[after - 1]];
    if (right === undefined) return points.at(-1)?.[1] ?? 0;
    if (left === undefined) return right[1];
    return left[1] + ((right[1] - left[1]) * (at - left[0])) / (right[0] - left[0]);
  };
}

export function between(from: number, to: number): (at: number) => boolean {
  return (at) => at >= from && at < to;
}
