import { cp, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readPartition, text } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";

const PAGE_BYTES = 4096;
const LEAF = 2;
const JOURNAL = { name: "stage:main", partition: 0 };

let parent = "";
let whole = "";
let directory = "";

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "millrace-file-"));
  whole = join(parent, "whole");
  const log = await openTestLog(whole);
  const { epoch } = await log.claim(JOURNAL);
  for (let unit = 0; unit < 100; unit++) {
    await log.append("telemetry", unit % 4, [text("x".repeat(500))]);
    const entry = { kind: "unit", positions: [], nextTimer: null, body: Buffer.alloc(500, unit) } as const;
    await log.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
  }
  await log.close(AbortSignal.timeout(5000));
});

beforeEach(async () => {
  directory = await mkdtemp(join(parent, "copy-"));
  await cp(whole, directory, { recursive: true });
});

afterAll(async () => rm(parent, { recursive: true, force: true }));

async function overwrite(position: number, length: number): Promise<void> {
  const handle = await open(join(directory, "log.mdb"), "r+");
  await handle.write(Buffer.alloc(length, 0xa5), 0, length, position);
  await handle.close();
}

describe("a damaged meta page is told in a sentence before LMDB trips over it", () => {
  for (const [name, position, length] of [
    ["the beginning of the first", 0, 64],
    ["the flags of the first", 18, 2],
    ["the roots of the first", 48, 96],
    ["the last page's number in the first", 144, 8],
    ["the beginning of the second", PAGE_BYTES, 64],
    ["the roots of the second", PAGE_BYTES + 48, 96],
  ] as const) {
    test(name, async () => {
      await overwrite(position, length);
      await expect(openTestLog(directory)).rejects.toMatchObject({
        code: "DATA_DAMAGED",
        remedy: expect.stringContaining("backup"),
      });
    });
  }
});

test("a log whose both meta pages are overwritten is none", async () => {
  await overwrite(0, 2 * PAGE_BYTES);
  await expect(openTestLog(directory)).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
});

test("a whole log opens", async () => {
  const log = await openTestLog(directory);
  expect(await readPartition(log, "telemetry", 0, 0)).toHaveLength(25);
  await log.close(AbortSignal.timeout(5000));
});

test("a damaged page of the tree is told in a sentence by whoever meets it", async () => {
  const bytes = await readFile(join(directory, "log.mdb"));
  for (let at = 2 * PAGE_BYTES; at < bytes.length; at += PAGE_BYTES) {
    const isLeaf = bytes.readBigUInt64LE(at) === BigInt(at / PAGE_BYTES) && bytes.readUInt16LE(at + 18) === LEAF;
    if (!isLeaf) continue;
    await cp(whole, directory, { recursive: true });
    await overwrite(at, 24);
    const error = await use().catch((thrown: unknown) => thrown);
    // A page that nobody needs any more does no harm.
    if (error !== null) expect(error, `page ${at / PAGE_BYTES}`).toMatchObject({ code: "DATA_DAMAGED" });
  }
});

async function use(): Promise<null> {
  const log = await openTestLog(directory);
  try {
    await log.claim(JOURNAL);
    for (const partition of [0, 1, 2, 3]) await readPartition(log, "telemetry", partition, 0);
    return null;
  } finally {
    await log.close(AbortSignal.timeout(5000));
  }
}
