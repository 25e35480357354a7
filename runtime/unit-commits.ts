import { setImmediate as nextTurn } from "node:timers/promises";
import type { CommitPace } from "./commit-pace.ts";
import type { PartitionOwner } from "./partition-owner.ts";

/** Closes the units of the partitions that a stage's runner owns, at its pace. */
export class UnitCommits {
  private readonly owners: ReadonlyMap<number, PartitionOwner>;
  private readonly pace: CommitPace;

  constructor(owners: ReadonlyMap<number, PartitionOwner>, pace: CommitPace) {
    this.owners = owners;
    this.pace = pace;
  }

  one(owner: PartitionOwner): Promise<void> {
    this.pace.committed(owner.partition);
    return owner.commit();
  }

  /** In one turn, so that all units leave together and land with one sync. */
  async all(): Promise<void> {
    this.pace.allCommitted();
    await Promise.all([...this.owners.values()].map((owner) => owner.commit()));
  }

  async due(): Promise<void> {
    const due = [...this.owners.values()].filter(({ partition }) => this.pace.isDue(partition));
    await (due.length === this.owners.size ? this.all() : Promise.all(due.map((owner) => this.one(owner))));
  }

  /** What is due leaves, and whoever asks this thread something is answered. */
  async breathe(): Promise<void> {
    this.pace.breathed();
    await this.due();
    await nextTurn();
  }
}
