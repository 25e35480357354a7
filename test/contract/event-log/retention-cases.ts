import { describe, expect } from "vitest";
import { at, eventually, readPartition, readRecords, text } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import { ENDED_AT } from "../../../core/event-log.ts";
import { begunStages, isFunctionsJournal } from "../../../core/functions-stage.ts";
import type { EventLog, JournalEntry, PartitionStatus } from "../../../core/event-log.ts";
import type { LogHarness } from "./log-harness.ts";

const HOUR = 3_600_000;
const JOURNAL = { name: "stage:main", partition: 0 };
const SNAPSHOT = { kind: "snapshot", complete: true } as const;
const AGED = { retentionMs: HOUR, requiredJournals: ["stage:main"], partitionCount: 2 };

async function partition(log: EventLog, topic: string, number: number): Promise<PartitionStatus> {
  const { partitions } = await log.status();
  const found = partitions.find((one) => one.topic === topic && one.partition === number);
  if (found === undefined) throw new Error(`no status of ${topic}/${number}`);
  return found;
}

/** Tells the log that the required consumer has read this far. */
async function settle(log: EventLog, offsets: readonly [number, number]): Promise<void> {
  const { epoch } = await log.claim(JOURNAL);
  const positions = offsets.map((offset, index) => at("telemetry", index, offset));
  await log.commit({
    journal: JOURNAL,
    epoch,
    entry: { kind: "unit", positions, nextTimer: null, body: new Uint8Array(0) },
    outputs: [],
  });
}

/** The stage is there, without state. */
async function placeJournal(log: EventLog, name: string, partition: number, offset: number): Promise<void> {
  const journal = { name, partition };
  const { epoch } = await log.claim(journal);
  const positions = [at("readings", partition, offset)];
  const entry = { ...SNAPSHOT, positions, nextTimer: null, body: new Uint8Array(0) };
  await log.commit({ journal, epoch, entry, outputs: [] });
}

async function appendOneByOne(log: EventLog, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await log.append("telemetry", index % 2, [text(`m${index}`)]);
}

export function retentionCases(harness: LogHarness): void {
  describe("retention", () => {
    const aged = (title: string, body: Parameters<typeof withLog>[2]): void => withLog(harness, title, body, AGED);

    aged("deletes what is old and read, and moves the start", async (log, under) => {
      await appendOneByOne(log, 20);
      await settle(log, [10, 10]);
      under.passTime(2 * HOUR);
      await eventually("the start at 10", async () => (await partition(log, "telemetry", 1)).startOffset === 10);
      expect(await log.append("telemetry", 0, [text("new")])).toBe(10);
      expect(await readPartition(log, "telemetry", 0, 10)).toEqual(["new"]);
    });

    aged("never passes what a required journal has still to read", async (log, under) => {
      await appendOneByOne(log, 20);
      await settle(log, [4, 10]);
      under.passTime(2 * HOUR);
      await eventually("the start at 4", async () => (await partition(log, "telemetry", 0)).startOffset === 4);
      under.passTime(2 * HOUR);
      await new Promise((resolve) => setTimeout(resolve, 1200));
      expect((await partition(log, "telemetry", 0)).startOffset).toBe(4);
      expect((await readPartition(log, "telemetry", 0, 4))[0]).toBe("m8");
    });

    withLog(
      harness,
      "passes no journal of a stage of functions while the stage lives, and does not wait for one that has ended",
      async (log, under) => {
        for (let n = 0; n < 20; n += 1) await log.append("readings", n % 2, [text(`m${n}`)]);
        const [heavy, light] = ["stage:fn-heavy", "stage:fn-light"];
        for (const partition of [0, 1]) {
          await placeJournal(log, heavy, partition, 4);
          await placeJournal(log, light, partition, 10);
        }
        under.passTime(2 * HOUR);
        await eventually("the start at 4", async () => (await partition(log, "readings", 0)).startOffset === 4);
        for (const partition of [0, 1]) await placeJournal(log, heavy, partition, ENDED_AT);
        under.passTime(2 * HOUR);
        await eventually("the start at 10", async () => (await partition(log, "readings", 0)).startOffset === 10);
        await eventually("the end", async () => begunStages(await log.status()).length === 1);
        await under.reopen();
        await eventually("the end again", async () => begunStages(await under.log.status()).length === 1);
        const { entries } = await under.log.claim({ name: heavy, partition: 0 });
        expect(entries.map(({ positions }) => positions)).toEqual([[at("readings", 0, ENDED_AT)]]);
      },
      { retentionMs: HOUR, requiredJournals: [], isOnceBegun: isFunctionsJournal, partitionCount: 2 },
    );

    aged("deletes nothing while a required journal does not exist", async (log, under) => {
      await appendOneByOne(log, 6);
      under.passTime(2 * HOUR);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect((await partition(log, "telemetry", 0)).startOffset).toBe(0);
      expect(await readPartition(log, "telemetry", 0, 0)).toHaveLength(3);
    });

    aged(
      "keeps what the owner of a journal of which nothing can be restored has to work again",
      async (first, under) => {
        await appendOneByOne(first, 20);
        const commit = async (log: EventLog, epoch: number, body: string, fields: Partial<JournalEntry>) => {
          const positions = [at("telemetry", 0, 10), at("telemetry", 1, 10)];
          const entry = { kind: "unit" as const, positions, nextTimer: null, body: new TextEncoder().encode(body) };
          await log.commit({ journal: JOURNAL, epoch, entry: { ...entry, ...fields }, outputs: [] });
        };
        const start = async () => (await partition(under.log, "telemetry", 0)).startOffset;
        const { epoch } = await first.claim(JOURNAL);
        await commit(first, epoch, "the-only-unit", {});
        await commit(first, epoch, "the-only-snapshot", SNAPSHOT);
        for (const value of ["the-only-unit", "the-only-snapshot"]) await under.damage(value);
        expect(await under.log.claim(JOURNAL)).toMatchObject({ entries: [], damaged: true });
        // What the claim told is what others go by.
        await under.reopen();
        for (let count = 0; count < 3; count++) {
          under.passTime(HOUR);
          await new Promise((resolve) => setTimeout(resolve, 600));
        }
        expect(await start()).toBe(0);
        const owner = await under.log.claim(JOURNAL);
        await commit(under.log, owner.epoch, "another-snapshot", SNAPSHOT);
        await eventually("the start at 10", async () => {
          under.passTime(HOUR);
          return (await start()) === 10;
        });
      },
    );

    aged("keeps what is young", async (log, under) => {
      await appendOneByOne(log, 10);
      under.passTime(2 * HOUR);
      await appendOneByOne(log, 10);
      await settle(log, [10, 10]);
      await eventually("the start at 5", async () => (await partition(log, "telemetry", 1)).startOffset === 5);
      expect(await readPartition(log, "telemetry", 1, 5)).toHaveLength(5);
    });

    aged("tells readers behind the start by a named error, and lets them seek", async (log, under) => {
      const reader = log.openReader([at("telemetry", 0, 0)]);
      await appendOneByOne(log, 20);
      await settle(log, [10, 10]);
      under.passTime(2 * HOUR);
      await eventually("the start at 10", async () => (await partition(log, "telemetry", 0)).startOffset === 10);
      const poll = { bytesMax: 1000, waitMs: 0 };
      await expect(reader.poll(poll)).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
      await expect(reader.poll(poll)).rejects.toThrow(/telemetry\/0/);
      await log.append("telemetry", 0, [text("new")]);
      reader.seek([at("telemetry", 0, 10)]);
      expect(await readRecords(reader, 1)).toHaveLength(1);
      const late = log.openReader([at("telemetry", 1, 3)]);
      await expect(late.poll(poll)).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
    });

    aged(
      "counts the messages that it deletes by key, control records not among them, over restarts",
      async (first, under) => {
        const tick = { ...text("{}", null), headers: [["kind", "tick"] as const] };
        await first.append("telemetry", 0, [text("a", "acme/1"), text("b", "acme/2"), tick, text("c", "acme/1")]);
        await first.append("telemetry", 1, [{ ...tick, key: "acme/1" }]);
        await settle(first, [4, 1]);
        under.passTime(2 * HOUR);
        const expected = { "acme/1": 2, "acme/2": 1 };
        await eventually("the start at 4", async () => (await partition(first, "telemetry", 0)).startOffset === 4);
        expect((await first.status()).deletedTelemetry).toEqual(expected);
        await under.reopen();
        const { log } = under;
        expect((await log.status()).deletedTelemetry).toEqual(expected);
        expect((await partition(log, "telemetry", 0)).startOffset).toBe(4);
        expect(await log.append("telemetry", 0, [text("d")])).toBe(4);
      },
    );
  });

  describe("the size ceiling", () => {
    const full = { bytesMax: 4 * 1024 * 1024, requiredJournals: ["stage:main"], partitionCount: 2 };
    const record = { ...text(""), value: new Uint8Array(100_000) };

    const fill = async (log: EventLog): Promise<number> => {
      for (let count = 0; count < 200; count++) {
        const error = await log.append("telemetry", 0, [record]).then(
          () => null,
          (refused: unknown) => refused,
        );
        if (error === null) continue;
        expect(error).toMatchObject({ code: "LOG_FULL", retry: "later" });
        return count;
      }
      throw new Error("the log never got full");
    };

    const fills = (title: string, body: Parameters<typeof withLog>[2]): void => withLog(harness, title, body, full);

    fills(
      "stops appends when nothing may be deleted, says why, and takes them again when there is room",
      async (log) => {
        const taken = await fill(log);
        expect(taken).toBeGreaterThan(10);
        expect((await log.status()).refusing).toMatch(/full/);
        // The journal still goes forward: that is what makes room.
        await settle(log, [taken, 0]);
        await eventually("room", async () => (await log.status()).refusing === null);
        expect(
          await eventually("an append", () => log.append("telemetry", 0, [record]).catch(() => false as const)),
        ).toBe(taken);
      },
    );

    fills("deletes the oldest of what was read before it is full", async (log) => {
      await settle(log, [1_000_000, 1_000_000]);
      for (let count = 0; count < 120; count++) await log.append("telemetry", 0, [record]);
      const { startOffset, endOffset } = await partition(log, "telemetry", 0);
      expect(endOffset).toBe(120);
      expect(startOffset).toBeGreaterThan(60);
    });
  });
}
