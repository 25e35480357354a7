import { LogTopology } from "../../log/topology.ts";
import { openLogStore } from "../../log/embedded/log-store.ts";
import { decodeJournalEntry } from "../../log/embedded/journal-entry.ts";
import { TOPICS } from "../../core/topics.ts";
import type { JournalId } from "../../core/event-log.ts";
import type { JournalKey, LogStore } from "../../log/embedded/log-store.ts";

/** The kinds of a closed log's journal entries, by their offsets; "damaged" where one fails its checksum. */
export async function journalKinds(
  directory: string,
  partitionCount: number,
  { name, partition }: JournalId,
): Promise<ReadonlyMap<number, string>> {
  return withStore(directory, (store) => {
    const topology = new LogTopology(TOPICS, partitionCount);
    const kinds = new Map<number, string>();
    const range = { start: keyOf(name, partition, 0), end: keyOf(name, partition, Number.MAX_SAFE_INTEGER) };
    for (const { key, value } of store.journals.getRange(range)) {
      try {
        kinds.set(key[2], decodeJournalEntry(value, topology).kind);
      } catch {
        kinds.set(key[2], "damaged");
      }
    }
    return Promise.resolve(kinds);
  });
}

/** Flips the last byte of a closed log's journal entries. */
export async function damageEntries(
  directory: string,
  { name, partition }: JournalId,
  entries: readonly number[],
): Promise<void> {
  await withStore(directory, async (store) => {
    for (const entry of entries) {
      const bytes = store.journals.getBinary(keyOf(name, partition, entry));
      if (bytes === undefined) throw new Error(`${name}/${partition} has no entry ${entry}`);
      const changed = Buffer.from(bytes);
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      await store.journals.put(keyOf(name, partition, entry), changed);
    }
  });
}

/** Takes an entry out of a closed log's journal. */
export async function removeEntry(directory: string, { name, partition }: JournalId, entry: number): Promise<void> {
  await withStore(directory, async (store) => void (await store.journals.remove(keyOf(name, partition, entry))));
}

/** Flips a bit of the record with this value in a closed log's commits. */
export async function damageRecord(directory: string, value: string): Promise<void> {
  await withStore(directory, async (store) => {
    for (const { key, value: commit } of store.commits.getRange({})) {
      const place = commit.indexOf(value);
      if (place < 0) continue;
      const changed = Buffer.from(commit);
      changed[place] = (changed[place] ?? 0) ^ 1;
      await store.commits.put(key, changed);
    }
  });
}

/** Flips a bit in the directory of every commit of a closed log, and takes its checkpoints away. */
export async function damageDirectories(directory: string): Promise<void> {
  await withStore(directory, async (store) => {
    for (const key of store.index.getKeys({})) await store.index.remove(key);
    for (const { key, value } of store.commits.getRange({})) {
      const changed = Buffer.from(value);
      changed[8] = (changed[8] ?? 0) ^ 1;
      await store.commits.put(key, changed);
    }
  });
}

function keyOf(name: string, partition: number, entry: number): JournalKey {
  return [name, partition, entry];
}

async function withStore<T>(directory: string, work: (store: LogStore) => Promise<T>): Promise<T> {
  const store = openLogStore({ directory, bytesMax: 1024 ** 3, readOnly: false, sync: false });
  try {
    return await work(store);
  } finally {
    await store.root.close();
  }
}
