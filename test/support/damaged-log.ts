import { LogTopology } from "../../log/topology.ts";
import { commitAt, entriesOf, lastCommit, openLogStore } from "../../log/embedded/log-store.ts";
import { copyOfRecord, piecesOf, readRecord, recordNumber, storedKeys } from "../../log/embedded/pieces.ts";
import { decodeJournalEntry } from "../../log/embedded/journal-entry.ts";
import { TOPICS } from "../../core/topics.ts";
import type { JournalId } from "../../core/event-log.ts";
import type { LogStore } from "../../log/embedded/log-store.ts";

/** The kinds of a closed log's journal entries, by their offsets; "damaged" where one fails its checksum. */
export async function journalKinds(
  directory: string,
  partitionCount: number,
  journal: JournalId,
): Promise<ReadonlyMap<number, string>> {
  return withStore(directory, (store) => {
    const topology = new LogTopology(TOPICS, partitionCount);
    const kinds = new Map<number, string>();
    const keyAt = entriesOf(journal);
    for (const [, , number] of store.journals.getKeys({ start: keyAt(0), end: keyAt(Number.MAX_SAFE_INTEGER) })) {
      const entry = recordNumber(number);
      const bytes = readRecord(store.journals, keyAt, entry);
      try {
        kinds.set(entry, decodeJournalEntry(copyOf(bytes), topology).kind);
      } catch {
        kinds.set(entry, "damaged");
      }
    }
    return Promise.resolve(kinds);
  });
}

/** Flips the last byte of a closed log's journal entries. */
export async function damageEntries(directory: string, journal: JournalId, entries: readonly number[]): Promise<void> {
  await withStore(directory, async (store) => {
    for (const entry of entries) {
      const keyAt = entriesOf(journal);
      const changed = copyOf(readRecord(store.journals, keyAt, entry));
      if (changed.length === 0) throw new Error(`${journal.name}/${journal.partition} has no entry ${entry}`);
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      await store.journals.batch(() => {
        for (const { key, value } of piecesOf(keyAt, entry, changed)) void store.journals.put(key, value);
      });
    }
  });
}

/** Takes an entry out of a closed log's journal. */
export async function removeEntry(directory: string, journal: JournalId, entry: number): Promise<void> {
  await withStore(directory, async (store) => {
    const keys = storedKeys(store.journals, entriesOf(journal), entry, entry + 1);
    for (const key of keys) await store.journals.remove(key);
  });
}

/** Flips a bit of the record with this value in a closed log's commits. */
export async function damageRecord(directory: string, value: string): Promise<void> {
  await withStore(directory, async (store) => {
    await changeCommits(store, (commit) => {
      const place = commit.indexOf(value);
      return place < 0 ? null : place;
    });
  });
}

/** Flips a bit in the directory of every commit of a closed log, and takes its checkpoints away. */
export async function damageDirectories(directory: string): Promise<void> {
  await withStore(directory, async (store) => {
    for (const key of store.index.getKeys({})) await store.index.remove(key);
    await changeCommits(store, () => 8);
  });
}

/** Flips a bit of each commit, where `placeIn` says; null leaves it. */
async function changeCommits(store: LogStore, placeIn: (commit: Buffer) => number | null): Promise<void> {
  for (let sequence = 1; sequence <= lastCommit(store); sequence += 1) {
    const changed = copyOf(readRecord(store.commits, commitAt, sequence));
    const place = placeIn(changed);
    if (place === null || changed.length === 0) continue;
    changed[place] = (changed[place] ?? 0) ^ 1;
    for (const { key, value } of piecesOf(commitAt, sequence, changed)) await store.commits.put(key, value);
  }
}

function copyOf(bytes: Buffer | undefined): Buffer {
  return bytes === undefined ? Buffer.alloc(0) : copyOfRecord(bytes);
}

async function withStore<T>(directory: string, work: (store: LogStore) => Promise<T>): Promise<T> {
  const store = openLogStore({ directory, bytesMax: 1024 ** 3, readOnly: false, sync: false });
  try {
    return await work(store);
  } finally {
    await store.root.close();
  }
}
