import { isReading } from "../../core/is-reading.ts";
import { parseJson } from "../../core/parse-json.ts";
import { memberCount, placeOf, type ReadingParts } from "../../wire/reading-parts.ts";
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

type Side = "stored" | "emitted";

/** One reading's metrics, which nobody has read yet: as `ReadingParts` gives them. */
class OpenText {
  readonly side: Side;
  readonly text: string;

  constructor(side: Side, text: string) {
    this.side = side;
    this.text = text;
  }
}

type OpenPair = Partial<Record<Side, MetricValue>>;

/** Metrics that have no equal yet. */
type OpenValues = Map<string, OpenPair>;

const EXAMPLES = 10;

/**
 * Compares what a function would emit with what is stored, value by value: device, event time and metric say what belongs together. The
 * last of several counts. What has turned out equal is let go: of a range that is equal little is in memory at once. Equal bytes are not read.
 */
export class Comparison {
  private equal = 0;
  /** By place. */
  private readonly open = new Map<string, OpenText | OpenValues>();

  /** The metrics of a reading, of which only some may count. */
  note(side: Side, reading: Reading, metrics: readonly string[] = Object.keys(reading.metrics)): void {
    const place = placeOf(reading);
    this.noteValues(side, place, reading.metrics, metrics);
  }

  /** What `ReadingParts` has found. */
  noteText(side: Side, { place, rest }: Pick<ReadingParts, "place" | "rest">): void {
    const known = this.open.get(place);
    if (known === undefined) {
      this.open.set(place, new OpenText(side, rest));
    } else if (known instanceof OpenText && known.side !== side && known.text === rest) {
      this.equal += memberCount(rest);
      this.open.delete(place);
    } else {
      const metrics = parseText(place, rest);
      this.noteValues(side, place, metrics, Object.keys(metrics));
    }
  }

  private noteValues(side: Side, place: string, metrics: Reading["metrics"], names: readonly string[]): void {
    const values = this.valuesAt(place);
    for (const metric of names) {
      const value = metrics[metric];
      if (value === undefined) continue;
      const pair = values.get(metric) ?? {};
      pair[side] = value;
      if (pair.stored === pair.emitted) {
        this.equal += 1;
        values.delete(metric);
      } else {
        values.set(metric, pair);
      }
    }
    if (values.size === 0) this.open.delete(place);
    else this.open.set(place, values);
  }

  private valuesAt(place: string): OpenValues {
    const known = this.open.get(place);
    return known instanceof OpenText ? valuesOf(place, known) : (known ?? new Map());
  }

  /** Ends it. */
  part(): ComparisonPart {
    const counts = { changed: 0, new: 0, missing: 0 };
    const examples: PlacedDifference[] = [];
    for (const [place, open] of this.open) {
      const last = examples[EXAMPLES - 1];
      const isAmongFirst = last === undefined || place <= last.key;
      if (open instanceof OpenText && open.side === "emitted" && !isAmongFirst) {
        counts.new += memberCount(open.text);
        continue;
      }
      for (const [metric, pair] of open instanceof OpenText ? valuesOf(place, open) : open) {
        counts[pair.stored === undefined ? "new" : pair.emitted === undefined ? "missing" : "changed"] += 1;
        if (isAmongFirst) insertFirst(examples, placedDifference(place, metric, pair));
      }
    }
    return { equal: this.equal, ...counts, examples };
  }
}

function valuesOf(place: string, { side, text }: OpenText): OpenValues {
  return new Map(Object.entries(parseText(place, text)).map(([metric, value]) => [metric, { [side]: value }]));
}

/** None where it is no reading: what is stored may be anything. */
function parseText(place: string, rest: string): Reading["metrics"] {
  const reading = parseJson(Buffer.from(`${place},"received":0,"metrics":${rest}}`, "latin1"));
  return isReading(reading) ? reading.metrics : {};
}

function placedDifference(place: string, metric: string, { stored, emitted }: OpenPair): PlacedDifference {
  const reading = parseJson(Buffer.from(`${place},"received":0,"metrics":{}}`, "latin1"));
  if (!isReading(reading)) throw new TypeError(`${place} is no place of a reading`);
  const { device, ts } = reading;
  const values = { ...(stored === undefined ? {} : { stored }), ...(emitted === undefined ? {} : { emitted }) };
  return { key: `${place}\n${metric}`, difference: { device, ts, metric, ...values } };
}

/** Into a list of the first few, in order. */
function insertFirst(examples: PlacedDifference[], one: PlacedDifference): void {
  const at = examples.findIndex(({ key }) => one.key < key);
  examples.splice(at === -1 ? examples.length : at, 0, one);
  if (examples.length > EXAMPLES) examples.pop();
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
