import type { MetricValue } from "../../core/schemas.ts";
import type { Reading } from "../../core/derived-records.ts";

export interface Difference {
  readonly device: string;
  readonly ts: number;
  readonly metric: string;
  /** Absent where nothing is stored. */
  readonly stored?: MetricValue;
  /** Absent where nothing would be emitted. */
  readonly emitted?: MetricValue;
}

interface ComparisonCounts {
  readonly equal: number;
  readonly changed: number;
  readonly new: number;
  readonly missing: number;
}

export interface ComparisonReport extends ComparisonCounts {
  /** Some of what differs, by device and time. */
  readonly examples: readonly Difference[];
}

/** Of some of the devices. Plain values. */
export interface ComparisonPart extends ComparisonCounts {
  /** The first ones, with what they are ordered by. */
  readonly examples: readonly PlacedDifference[];
}

interface PlacedDifference {
  readonly key: string;
  readonly difference: Difference;
}

type Pair = [stored: MetricValue | undefined, emitted: MetricValue | undefined];

const EXAMPLES = 10;

/**
 * Compares what a function would emit with what is stored, value by value: device, event time and metric say what belongs together. The
 * last of several counts. What has turned out equal is let go: of a range that is equal little is in memory at once.
 */
export class Comparison {
  private equal = 0;
  private readonly open = new Map<string, Pair>();

  stored(reading: Reading, metrics: readonly string[] = Object.keys(reading.metrics)): void {
    this.note(reading, metrics, 0);
  }

  emitted(reading: Reading): void {
    this.note(reading, Object.keys(reading.metrics), 1);
  }

  /** Ends it. */
  part(): ComparisonPart {
    const counts = { changed: 0, new: 0, missing: 0 };
    const keys: string[] = [];
    for (const [key, [stored, emitted]] of this.open) {
      counts[stored === undefined ? "new" : emitted === undefined ? "missing" : "changed"] += 1;
      insertFirst(keys, key);
    }
    return { equal: this.equal, ...counts, examples: keys.map((key) => ({ key, difference: this.difference(key) })) };
  }

  private difference(key: string): Difference {
    const [stored, emitted] = this.open.get(key) ?? [];
    const [device = "", ts = "", metric = ""] = key.split("\n");
    return {
      device,
      ts: Number(ts),
      metric,
      ...(stored === undefined ? {} : { stored }),
      ...(emitted === undefined ? {} : { emitted }),
    };
  }

  private note({ tenant, device, ts, metrics }: Reading, names: readonly string[], side: 0 | 1): void {
    for (const metric of names) {
      const value = metrics[metric];
      if (value === undefined) continue;
      const key = `${device}\n${ts}\n${metric}\n${tenant}`;
      const pair = this.open.get(key) ?? [undefined, undefined];
      pair[side] = value;
      if (pair[0] === pair[1]) {
        this.equal += 1;
        this.open.delete(key);
      } else {
        this.open.set(key, pair);
      }
    }
  }
}

/** Into a list of the first few, in order. */
function insertFirst(keys: string[], key: string): void {
  const last = keys[EXAMPLES - 1];
  if (last !== undefined && key >= last) return;
  const at = keys.findIndex((known) => key < known);
  keys.splice(at === -1 ? keys.length : at, 0, key);
  if (keys.length > EXAMPLES) keys.pop();
}

/** Of parts that have no device in common. */
export function joinComparisons(parts: readonly ComparisonPart[]): ComparisonReport {
  const sum = (name: keyof ComparisonCounts): number => parts.reduce((total, part) => total + part[name], 0);
  const examples = parts.flatMap((part) => part.examples).sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    equal: sum("equal"),
    changed: sum("changed"),
    new: sum("new"),
    missing: sum("missing"),
    examples: examples.slice(0, EXAMPLES).map(({ difference }) => difference),
  };
}
