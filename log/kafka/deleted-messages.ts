import { sumEntries } from "./retention-ledger.ts";
import type { JournalFollowing } from "../../core/event-log.ts";

/** How many messages of whom retention has deleted, as its journal tells, whoever keeps it. */
export class DeletedMessages {
  private readonly journal: JournalFollowing;
  private messages: Record<string, number> = {};

  constructor(journal: JournalFollowing) {
    this.journal = journal;
  }

  async look(): Promise<Readonly<Record<string, number>>> {
    const { isFresh, entries } = await this.journal.next();
    if (isFresh) this.messages = {};
    // A snapshot is the sum of what is known already.
    const added = isFresh ? entries : entries.filter(({ kind }) => kind === "unit");
    for (const [key, count] of Object.entries(sumEntries(added).messages)) {
      this.messages[key] = (this.messages[key] ?? 0) + count;
    }
    return { ...this.messages };
  }
}
