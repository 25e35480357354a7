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

export interface ComparisonReport {
  readonly equal: number;
  readonly changed: number;
  readonly new: number;
  readonly missing: number;
  /** Some of what differs, by device and time. */
  readonly examples: readonly Difference[];
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
  report(): ComparisonReport {
    const counts = { changed: 0, new: 0, missing: 0 };
    const examples: Difference[] = [];
    for (const [key, [stored, emitted]] of [...this.open].sort(([a], [b]) => (a < b ? -1 : 1))) {
      counts[stored === undefined ? "new" : emitted === undefined ? "missing" : "changed"] += 1;
      if (examples.length >= EXAMPLES) continue;
      const [device = "", ts = "", metric = ""] = key.split("\n");
      examples.push({
        device,
        ts: Number(ts),
        metric,
        ...(stored === undefined ? {} : { stored }),
        ...(emitted === undefined ? {} : { emitted }),
      });
    }
    return { equal: this.equal, ...counts, examples };
  }

  private note({ device, ts, metrics }: Reading, names: readonly string[], side: 0 | 1): void {
    for (const metric of names) {
      const value = metrics[metric];
      if (value === undefined) continue;
      const key = `${device}\n${ts}\n${metric}`;
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
