import { addOutcomes, noOutcomes } from "../../core/ledger.ts";
import { stageJournalName } from "../../core/stage.ts";
import { decodeSnapshotChunk, decodeUnit } from "../../wire/unit-codec.ts";
import type { Step } from "../../core/commit-unit.ts";
import type { JournalEntry, JournalFollowing } from "../../core/event-log.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";

/** What one partition's journal has told so far. */
interface Folded {
  next: Step;
  totals: Map<string, Outcomes>;
}

/**
 * The counts of a stage whose processors are other processes, from its journals: they carry what each unit adds per key. Each look reads
 * what is new.
 */
export class JournalTotals {
  private readonly partitions: readonly JournalFollowing[];
  private readonly folded: Folded[];

  constructor(options: {
    readonly stage: string;
    readonly partitionCount: number;
    readonly follow: (journal: { readonly name: string; readonly partition: number }) => JournalFollowing;
  }) {
    const name = stageJournalName(options.stage);
    const all = Array.from({ length: options.partitionCount }, (_, partition) => partition);
    this.partitions = all.map((partition) => options.follow({ name, partition }));
    this.folded = all.map(nothing);
  }

  async look(): Promise<StageTotals> {
    await Promise.all(this.partitions.map((journal, partition) => this.lookAt(journal, partition)));
    const totals = new Map<string, Outcomes>();
    const partitions = this.folded.map(({ next, totals: own }, partition) => {
      for (const [key, outcomes] of own) {
        const sum = totals.get(key) ?? noOutcomes();
        addOutcomes(sum, outcomes);
        totals.set(key, sum);
      }
      return { partition, nextOffset: next.offset, step: next.step };
    });
    return { partitions, totals, quiet: true };
  }

  private async lookAt(journal: JournalFollowing, partition: number): Promise<void> {
    const { isFresh, entries } = await journal.next();
    const folded = isFresh ? nothing() : (this.folded[partition] ?? nothing());
    this.folded[partition] = folded;
    const founded = isFresh ? entries.findIndex(({ complete }) => complete === true) + 1 : 0;
    for (const [at, entry] of entries.entries()) fold(folded, entry, at < founded);
  }
}

/** A snapshot adds nothing to what is known already, and one that is not complete counts for nothing. */
function fold(folded: Folded, { kind, body }: JournalEntry, isFounding: boolean): void {
  if (kind === "unit") {
    const unit = decodeUnit(body);
    for (const [key, outcomes] of unit.outcomes) add(folded.totals, key, outcomes);
    folded.next = unit.next;
  } else if (kind === "snapshot" && isFounding) {
    const chunk = decodeSnapshotChunk(body);
    for (const [key, outcomes] of chunk.outcomes) add(folded.totals, key, outcomes);
    folded.next = chunk.next;
  }
}

function add(totals: Map<string, Outcomes>, key: string, outcomes: Partial<Outcomes>): void {
  const sum = totals.get(key) ?? noOutcomes();
  addOutcomes(sum, outcomes);
  totals.set(key, sum);
}

function nothing(): Folded {
  return { next: { offset: 0, step: 0 }, totals: new Map() };
}
