import { setImmediate as nextTurn } from "node:timers/promises";
import { LIMITS } from "../core/limits.ts";
import type { FetchedSlice } from "../core/event-log.ts";
import type { LogRecord } from "../core/record.ts";
import type { CallMarker, Verdict } from "../core/verdict.ts";
import type { PartitionOwner } from "./partition-owner.ts";

/** A marker whose last call can be kept for what it leaves behind: promises run when the call has long returned. */
export interface HeldMarker extends CallMarker {
  hold(): void;
  release(): void;
}

/** A call in which a thread has died. */
export interface Suspect extends Verdict {
  readonly partition: number;
  /** Alone it died of it too. */
  readonly condemned: boolean;
}

export interface Suspicions {
  readonly calls: readonly Suspect[];
  /** True when a thread died though none of a function's calls was running: it was left behind by a call before. */
  readonly search: boolean;
}

/** What a stage that goes on after its thread has died does differently: suspects are tried alone, and condemned ones not at all. */
export class SuspectTrials {
  private readonly suspicions: Suspicions;
  private readonly marker: HeldMarker | null;
  private searched = 0;

  constructor(suspicions: Suspicions, marker: HeldMarker | null) {
    this.suspicions = suspicions;
    this.marker = marker;
  }

  isSuspect(partition: number, { offset }: LogRecord): boolean {
    return this.suspicions.calls.some((one) => one.partition === partition && one.offset === offset);
  }

  /** Partitions with a suspect last: it may end the thread once more, and the others need not wait for that. */
  inOrder(slices: readonly FetchedSlice[]): readonly FetchedSlice[] {
    const isLate = ({ partition, nextOffset }: FetchedSlice): boolean =>
      this.suspicions.calls.some((one) => one.partition === partition && one.offset < nextOffset);
    return [...slices.filter((slice) => !isLate(slice)), ...slices.filter(isLate)];
  }

  /** To be called before a suspect record is begun, or gone on with: what was processed before it is durable then, and so are its verdicts. */
  async before({ partition, commit, settled, condemn }: PartitionOwner, { offset }: LogRecord): Promise<void> {
    const suspects = this.suspicions.calls.filter((one) => one.partition === partition && one.offset === offset);
    await commit();
    await settled();
    for (const { partition: _partition, condemned, ...verdict } of suspects) if (condemned) await condemn(verdict);
  }

  /** To be called behind a suspect record: a canary that has cost a thread in one partition need not do so in the others. */
  async after({ state }: PartitionOwner, owners: Iterable<PartitionOwner>): Promise<void> {
    if (state.stoppedCanaries.length === 0) return;
    // As UnitCommits does: what it leads to is committed behind what the record has left behind.
    await nextTurn();
    for (const id of state.stoppedCanaries) for (const owner of owners) await owner.stopCanary(id);
  }

  /** True as long as records are worked one by one. */
  get isSearching(): boolean {
    return this.marker !== null && this.suspicions.search && this.searched < LIMITS.functionSearchRecords;
  }

  /** Processes the record in a search: it is not done before what it left behind has run. False as of StagePartition. */
  async process({ state }: PartitionOwner, record: LogRecord): Promise<boolean> {
    this.searched += 1;
    this.marker?.hold();
    const finished = state.process(record);
    await nextTurn();
    this.marker?.release();
    return finished;
  }
}
