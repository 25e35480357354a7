import { ErasedDevices, erasureFromTuple, type Erasure } from "./erased-devices.ts";
import { erasuresOf, type InsertPlan } from "./insert-plan.ts";
import { parseSinkEntry } from "./sink-journal.ts";
import type { JournalFollowing } from "../../core/event-log.ts";

/** The removed devices that a sink in another process knows, from its journal. Each look reads what is new. */
export class JournalErasures {
  private readonly journal: JournalFollowing;
  private readonly erased = new ErasedDevices();
  /** Carried out when the next entry is there. */
  private unsettled: InsertPlan | undefined;

  constructor(journal: JournalFollowing) {
    this.journal = journal;
  }

  async look(): Promise<readonly Erasure[]> {
    const { isFresh, entries } = await this.journal.next();
    if (isFresh) {
      this.erased.clear();
      this.unsettled = undefined;
    }
    for (const { body } of entries) {
      const { kind, plan, erased } = parseSinkEntry(body);
      if (kind === "snapshot") this.erased.clear();
      else if (this.unsettled !== undefined) this.erased.add(erasuresOf(this.unsettled));
      this.erased.add(erased.flatMap((tuple) => erasureFromTuple(tuple) ?? []));
      this.unsettled = plan;
    }
    return this.erased.all();
  }
}
