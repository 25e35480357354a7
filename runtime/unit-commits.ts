import { setImmediate as nextTurn } from "node:timers/promises";
import type { CommitPace } from "./commit-pace.ts";
import type { PartitionOwner } from "./partition-owner.ts";

/** What of a partition's owner closes its unit. */
type UnitOwner = Pick<PartitionOwner, "partition" | "commit">;

/**
 * Closes the units of the partitions that a stage's runner owns, at its pace. Before one leaves the event loop turns, so that a rejected promise
 * that a call has left behind ends the thread before the unit can become durable.
 */
export class UnitCommits {
  private readonly owners: ReadonlyMap<number, UnitOwner>;
  private readonly pace: CommitPace;

  constructor(owners: ReadonlyMap<number, UnitOwner>, pace: CommitPace) {
    this.owners = owners;
    this.pace = pace;
  }

  async one(owner: UnitOwner): Promise<void> {
    this.pace.committed(owner.partition);
    await nextTurn();
    await owner.commit();
  }

  /** In one turn, so that all units leave together and land with one sync. */
  async all(): Promise<void> {
    this.pace.allCommitted();
    await nextTurn();
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
