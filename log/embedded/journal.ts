import { MillraceError } from "../../core/errors.ts";
import type { JournalEntry, JournalId, TopicPosition } from "../../core/event-log.ts";

/** What is durable of a journal. Entry offsets are dense; those before `first` are deleted. */
export interface JournalProgress {
  epoch: number;
  first: number;
  next: number;
  chunkStart: number | null;
  snapshotStart: number | null;
  positions: readonly TopicPosition[];
  nextTimer: number | null;
}

/** One journal in the writer's memory. */
export interface Journal {
  readonly id: JournalId;
  /** The epoch that the last call of `claim` got. Ahead of the durable one while the claim is on its way. */
  issuedEpoch: number;
  /** Set by the first commit that fails: everything after it fails too, until the next claim. */
  failed: boolean;
  /** Set by a claim that met damage: nothing but a snapshot may follow, since a unit behind damage could never be restored. */
  damaged: boolean;
  durable: JournalProgress;
}

export function createJournal({ name, partition }: JournalId): Journal {
  const positions = { positions: [], nextTimer: null };
  const durable = { epoch: 0, first: 0, next: 0, chunkStart: null, snapshotStart: null, ...positions };
  return { id: { name, partition }, issuedEpoch: 0, failed: false, damaged: false, durable };
}

/** JOURNAL_FENCED when the commit is not, or no longer, its owner's. */
export function checkCommit(journal: Journal, epoch: number, entry: JournalEntry): void {
  if (epoch !== journal.issuedEpoch || journal.failed) throw fenced(journal, epoch);
  if (!journal.damaged) return;
  if (entry.kind !== "snapshot")
    throw new TypeError(`${journal.id.name} is damaged: its owner must begin with a snapshot`);
  journal.damaged = entry.complete !== true;
}

export function fenced(journal: Journal, epoch: number): MillraceError {
  const { name, partition } = journal.id;
  const why =
    journal.issuedEpoch === epoch ? "an earlier commit failed" : `epoch ${journal.issuedEpoch} has claimed it`;
  return new MillraceError("JOURNAL_FENCED", `${name}/${partition}, epoch ${epoch}: ${why}`);
}
