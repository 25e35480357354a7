import type { JournalHolding, JournalId } from "../core/event-log.ts";

/** The last entry that is held; null when the mark is of another journal, or of a log that is not open any more. */
export function heldEntry(
  { mark, commits }: JournalHolding,
  log: string,
  { name, partition }: JournalId,
): number | null {
  const isOwn = mark.log === log && mark.name === name && mark.partition === partition;
  return isOwn ? mark.entry + commits : null;
}
