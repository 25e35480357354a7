import { commitAt, type LogStore } from "./log-store.ts";
import { piecesOf, storedKeys } from "./pieces.ts";
import type { PlacedEntries } from "./journal-table.ts";
import type { Retention, RetentionSlice } from "./retention.ts";

export interface CommitWrites {
  /** Of the first of `records`; the others follow. */
  readonly sequence: number;
  readonly records: readonly Buffer[];
  readonly entries: Pick<PlacedEntries, "puts" | "removals">;
  readonly checkpoint: { readonly sequence: number; readonly bytes: Buffer } | null;
  readonly slice: RetentionSlice | null;
}

/** One transaction. Rejects when it is not durable; nothing of it is stored then. */
export async function writeCommit(store: LogStore, retention: Retention, writes: CommitWrites): Promise<void> {
  const { sequence, records, entries, checkpoint, slice } = writes;
  // lmdb-js commits what stands in a batch whose function throws: all that may fail comes before it.
  const commits = records.flatMap((record, index) => piecesOf(commitAt, sequence + index, record));
  const puts = entries.puts.flatMap(({ keyAt, entry, bytes }) => piecesOf(keyAt, entry, bytes));
  const removals = entries.removals.flatMap(({ keyAt, from, to }) => storedKeys(store.journals, keyAt, from, to));
  const deletion = slice === null ? null : { slice, keys: retention.keysOf(slice) };
  await store.commits.batch(() => {
    for (const { key, value } of commits) void store.commits.put(key, value);
    for (const { key, value } of puts) void store.journals.put(key, value);
    for (const key of removals) void store.journals.remove(key);
    if (checkpoint !== null) void store.index.put(checkpoint.sequence, checkpoint.bytes);
    if (deletion !== null) retention.write(deletion.slice, deletion.keys);
  });
}
