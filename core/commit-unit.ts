import type { Outcomes } from "./ledger.ts";

/** One state slot as of a position. `value` is JSON text; null means deleted. */
export interface Slot {
  readonly fn: string;
  readonly key: string;
  readonly name: string;
  readonly value: string | null;
}

/** A position within a partition: the record's offset and the step within it. */
export interface Step {
  readonly offset: number;
  readonly step: number;
}

/** What a stage commits for one partition at once, outputs aside. `outcomes` are what this unit adds per key. */
export interface UnitBody {
  readonly v: 1;
  readonly stage: string;
  readonly generation: number;
  readonly from: Step;
  readonly next: Step;
  readonly slots: readonly Slot[];
  readonly outcomes: readonly (readonly [key: string, Partial<Outcomes>])[];
  readonly versions?: Record<string, number>;
}

/** A part of the full state at `next`. `outcomes` are totals since the beginning, those of 0 may be left out. */
export interface SnapshotChunk {
  readonly v: 1;
  readonly stage: string;
  readonly generation: number;
  readonly next: Step;
  readonly chunk: number;
  readonly slots: readonly Slot[];
  readonly outcomes: readonly (readonly [string, Partial<Outcomes>])[];
}
