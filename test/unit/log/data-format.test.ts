import { afterEach, describe, expect, it } from "vitest";
import { commitAt, lastCommit, openLogStore } from "../../../log/embedded/log-store.ts";
import { copyOfRecord, PIECE_BYTES, readRecord, recordNumber, storedKeys } from "../../../log/embedded/pieces.ts";
import { allTexts, text } from "../../contract/event-log/log-harness.ts";
import { temporaryDirectory } from "../../support/instance.ts";
import { openTestLog } from "./open-test-log.ts";
import type { LogStore } from "../../../log/embedded/log-store.ts";

const LARGE = "x".repeat(3 * PIECE_BYTES);
const directories: ReturnType<typeof temporaryDirectory>[] = [];
const newDirectory = () => {
  const directory = temporaryDirectory();
  directories.push(directory);
  return directory.path;
};
afterEach(() => {
  for (const directory of directories.splice(0)) directory.dispose();
});

async function inStore<T>(directory: string, work: (store: LogStore) => T | Promise<T>): Promise<T> {
  const store = openLogStore({ directory, bytesMax: 1024 ** 3, readOnly: false, sync: false });
  try {
    return await work(store);
  } finally {
    await store.root.close();
  }
}

/** Makes of what the log has what a log of the first format has: each record is one value, and the format says 1. */
async function toFirstFormat(directory: string): Promise<void> {
  await inStore(directory, async (store) => {
    for (let sequence = 1; sequence <= lastCommit(store); sequence += 1) {
      const read = readRecord(store.commits, commitAt, sequence);
      if (read === undefined) continue;
      const whole = copyOfRecord(read);
      for (const key of storedKeys(store.commits, commitAt, sequence, sequence + 1)) await store.commits.remove(key);
      await store.commits.put(sequence, whole);
    }
    const format = JSON.parse(String(store.meta.get("format"))) as object;
    await store.meta.put("format", Buffer.from(JSON.stringify({ ...format, version: 1 })));
  });
}

const formatOf = (directory: string) =>
  inStore(directory, (store) => (JSON.parse(String(store.meta.get("format"))) as { version: number }).version);
const longestOf = (directory: string) =>
  inStore(directory, (store) => Math.max(...[...store.commits.getRange({})].map(({ value }) => value.length), 0));

describe("the data format of the embedded log", () => {
  it("keeps no value that is larger than a page holds", async () => {
    const directory = newDirectory();
    const log = await openTestLog(directory);
    await Promise.all([0, 1].map((partition) => log.append("telemetry", partition, [text(LARGE), text("small")])));
    await log.close(AbortSignal.timeout(5000));
    expect(await longestOf(directory)).toBe(PIECE_BYTES);
    expect(await formatOf(directory)).toBe(2);
  });

  it("goes on from a log of the first format: what was there is read, and what comes goes in pieces", async () => {
    const directory = newDirectory();
    const first = await openTestLog(directory);
    for (const value of ["a", LARGE, "b"]) await first.append("telemetry", 0, [text(value)]);
    await first.close(AbortSignal.timeout(5000));
    await toFirstFormat(directory);
    expect(await longestOf(directory)).toBeGreaterThan(PIECE_BYTES);

    const log = await openTestLog(directory);
    await log.append("telemetry", 0, [text(`${LARGE}c`)]);
    const reader = log.openReader([{ topic: "telemetry", partition: 0, offset: 0 }]);
    expect(allTexts(await reader.poll({ bytesMax: 1 << 20, waitMs: 0 }))).toEqual(["a", LARGE, "b", `${LARGE}c`]);
    reader.close();
    await log.close(AbortSignal.timeout(5000));
    expect(await formatOf(directory)).toBe(2);
    const numbers = await inStore(directory, (store) => [...store.commits.getKeys({})].map(recordNumber));
    expect(new Set(numbers)).toEqual(new Set([1, 2, 3, 4]));
    expect(numbers.length).toBeGreaterThan(4);
  });
});
