import { ErasedDevices, erasureFromTuple, type Erasure } from "./erased-devices.ts";
import { erasuresOf, type InsertPlan } from "./insert-plan.ts";
import { parseSinkEntry } from "./sink-journal.ts";
import type { JournalFollowing } from "../../core/event-log.ts";
import type { SettledReadings } from "./settled-readings.ts";

/** A sink in another process, as its journal tells of it. Each look reads what is new. */
export class FollowedSink {
  private readonly journal: JournalFollowing;
  private readonly erased = new ErasedDevices();
  private latest: SettledReadings | null = null;
  /** Carried out when the next entry is there. */
  private unsettled: InsertPlan | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(journal: JournalFollowing) {
    this.journal = journal;
  }

  /** The removed devices that it knows. */
  async erasures(): Promise<readonly Erasure[]> {
    await this.look();
    return this.erased.all();
  }

  /** What it has stored; null before it has said so. */
  async settled(): Promise<SettledReadings | null> {
    await this.look();
    return this.latest;
  }

  /** One at a time: the journal is read once. */
  private look(): Promise<void> {
    this.looking = this.looking.catch(() => undefined).then(() => this.read());
    return this.looking;
  }

  private async read(): Promise<void> {
    const { isFresh, entries } = await this.journal.next();
    if (isFresh) {
      this.erased.clear();
      this.unsettled = undefined;
    }
    for (const { body, positions } of entries) {
      const { kind, plan, erased, readingRows } = parseSinkEntry(body);
      if (kind === "snapshot") this.erased.clear();
      else if (this.unsettled !== undefined) this.erased.add(erasuresOf(this.unsettled));
      this.erased.add(erased.flatMap((tuple) => erasureFromTuple(tuple) ?? []));
      this.unsettled = plan;
      if (readingRows !== undefined) this.latest = { rows: readingRows, positions };
    }
  }
}
