import { createHash } from "node:crypto";
import { joinComparisons, type ComparisonPart, type ComparisonReport } from "./comparison.ts";
import type { DeadLetter } from "../../core/derived-records.ts";
import type { TopicName } from "../../core/topics.ts";

interface BacktestCounts {
  readonly readings: number;
  /** Of these, passed by: by each function once. */
  readonly skipped: number;
  readonly emitted: number;
  /** Results of windows, each revision. */
  readonly aggregates: number;
  readonly events: number;
  readonly deadLetters: number;
}

export interface BacktestReport extends BacktestCounts {
  /** What went wrong: each fault once, with the dead letter that was received first. */
  readonly faults: readonly BacktestFault[];
  readonly compared: ComparisonReport;
  /** Of every byte of the outputs, partition by partition. */
  readonly hash: string;
  readonly elapsedMs: number;
}

export interface BacktestFault {
  readonly first: DeadLetter;
  readonly count: number;
}

/** What came of some partitions, each whole. Plain values. */
export interface BacktestPart {
  readonly counts: BacktestCounts;
  readonly faults: readonly PlacedFault[];
  readonly compared: ComparisonPart;
  readonly hashes: readonly TopicHash[];
}

export interface PlacedFault extends BacktestFault {
  /** The same place in the code is the same fault, whatever its text says of the device. */
  readonly id: string;
  /** Of the first one. */
  readonly partition: number;
}

/** Of one topic's outputs of a partition: only their order in a topic does not depend on where units end. */
export interface TopicHash {
  /** Infinity: what was joined, which comes last. */
  readonly partition: number;
  readonly topic: TopicName;
  /** SHA-256. */
  readonly digest: Uint8Array;
}

/** The same report, whichever partitions each part has. */
export function reportOf(parts: readonly BacktestPart[]): Omit<BacktestReport, "elapsedMs"> {
  const sum = (name: keyof BacktestCounts): number => parts.reduce((total, { counts }) => total + counts[name], 0);
  return {
    readings: sum("readings"),
    skipped: sum("skipped"),
    emitted: sum("emitted"),
    aggregates: sum("aggregates"),
    events: sum("events"),
    deadLetters: sum("deadLetters"),
    faults: joinFaults(parts.flatMap(({ faults }) => faults)),
    compared: joinComparisons(parts.map(({ compared }) => compared)),
    hash: hashOf(parts.flatMap(({ hashes }) => hashes)),
  };
}

/** Whether it stands before what another partition, or this one before, has of the same fault. */
export function isBefore(
  { received }: DeadLetter,
  partition: number,
  known: Pick<PlacedFault, "first" | "partition">,
): boolean {
  return received < known.first.received || (received === known.first.received && partition < known.partition);
}

function joinFaults(faults: readonly PlacedFault[]): BacktestFault[] {
  const joined = new Map<string, PlacedFault>();
  for (const fault of faults) {
    const known = joined.get(fault.id);
    if (known === undefined) joined.set(fault.id, fault);
    else {
      const earlier = isBefore(fault.first, fault.partition, known) ? fault : known;
      joined.set(fault.id, { ...earlier, count: known.count + fault.count });
    }
  }
  const sorted = [...joined.values()].sort((a, b) => b.count - a.count || compareFirst(a, b));
  return sorted.map(({ first, count }) => ({ first, count }));
}

function compareFirst(a: PlacedFault, b: PlacedFault): number {
  if (isBefore(a.first, a.partition, b)) return -1;
  return isBefore(b.first, b.partition, a) || a.id > b.id ? 1 : -1;
}

function hashOf(hashes: readonly TopicHash[]): string {
  const hash = createHash("sha256");
  const inOrder = hashes.toSorted((a, b) => {
    if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1;
    return a.topic < b.topic ? -1 : 1;
  });
  for (const { digest } of inOrder) hash.update(digest);
  return hash.digest("hex");
}
