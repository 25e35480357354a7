import { MillraceError } from "../../core/errors.ts";
import type { EventLog, JournalEntry, JournalId } from "../../core/event-log.ts";
import type { MoveTarget } from "./move-target.ts";

/** What was moved of one journal. */
export interface MovedJournal extends JournalId {
  readonly entries: number;
}

/**
 * Brings the journals of all consumers to the target, entry by entry, from the last snapshot on. A move that was broken off goes on. DATA_DAMAGED for
 * a damaged journal; CONFIG_INVALID when another one stands at the target.
 */
export async function moveJournals(
  source: Pick<EventLog, "claim" | "status">,
  target: MoveTarget,
): Promise<readonly MovedJournal[]> {
  const { journals } = await source.status();
  const moved: MovedJournal[] = [];
  // One after the other: each may be a snapshot of much state.
  for (const { name, partition } of journals) {
    moved.push({ name, partition, entries: await moveJournal(source, target, { name, partition }) });
  }
  return moved;
}

async function moveJournal(source: Pick<EventLog, "claim">, target: MoveTarget, journal: JournalId): Promise<number> {
  const { entries: all, damaged } = await source.claim(journal);
  if (damaged) {
    const text = `the journal ${journal.name}/${journal.partition} is damaged`;
    throw new MillraceError("DATA_DAMAGED", text, {
      remedy: "Start Millrace once more on this data directory, which restores what can be restored, and stop it.",
    });
  }
  const entries = withoutHalfSnapshot(all);
  const { epoch, entries: present } = await target.claim(journal);
  const rest = restOf(entries, present);
  if (rest === null) {
    const text = `the journal ${journal.name}/${journal.partition} on Kafka is another one's`;
    throw new MillraceError("CONFIG_INVALID", text, { remedy: "Set MILLRACE_KAFKA_PREFIX to a name without topics." });
  }
  await Promise.all(rest.map((entry) => target.commit({ journal, epoch, entry, outputs: [] })));
  return entries.length;
}

/** What is missing behind what is there; all of it when it begins with a snapshot that replaces that; else null when it does not go on from there. */
function restOf(entries: readonly JournalEntry[], present: readonly JournalEntry[]): readonly JournalEntry[] | null {
  const isBegun = present.length <= entries.length && present.every((entry, at) => isSame(entry, entries[at]));
  const isWhole = (some: readonly JournalEntry[]): boolean => some.some(({ complete }) => complete === true);
  if (isBegun && isWhole(entries) === isWhole(present)) return entries.slice(present.length);
  return isWhole(entries) || present.length === 0 ? entries : null;
}

/** Chunks of a snapshot that its owner did not complete count for nothing. */
function withoutHalfSnapshot(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  const end = entries.findLastIndex(({ complete }) => complete === true) + 1;
  return entries.filter(({ kind }, at) => at < end || kind !== "snapshot");
}

function isSame(a: JournalEntry, b: JournalEntry | undefined): boolean {
  if (b === undefined || a.kind !== b.kind || a.nextTimer !== b.nextTimer) return false;
  if ((a.complete ?? false) !== (b.complete ?? false) || Buffer.compare(a.body, b.body) !== 0) return false;
  return JSON.stringify(a.positions.map(asTuple)) === JSON.stringify(b.positions.map(asTuple));
}

function asTuple({ topic, partition, offset }: JournalEntry["positions"][number]) {
  return [topic, partition, offset];
}
