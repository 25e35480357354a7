import { describe, expect } from "vitest";
import { ENDED_AT } from "../../../core/event-log.ts";
import { at, readPartition, text } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import type { CommitRequest, EventLog, JournalEntry } from "../../../core/event-log.ts";
import type { LogHarness } from "./log-harness.ts";

const JOURNAL = { name: "stage:main", partition: 2 };

function entry(name: string, fields: Partial<JournalEntry> = {}): JournalEntry {
  return {
    kind: "unit",
    positions: [at("telemetry", 2, 7)],
    nextTimer: null,
    body: new TextEncoder().encode(name),
    ...fields,
  };
}

function request(epoch: number, name: string, fields: Partial<CommitRequest> = {}): CommitRequest {
  return { journal: JOURNAL, epoch, entry: entry(name), outputs: [], ...fields };
}

function snapshot(name: string, complete: boolean): Partial<CommitRequest> {
  return { entry: entry(name, { kind: "snapshot", complete }) };
}

async function restored(log: EventLog): Promise<string[]> {
  const { entries } = await log.claim(JOURNAL);
  return entries.map(({ kind, body }) => `${kind} ${new TextDecoder().decode(body)}`);
}

export function journalCases(harness: LogHarness): void {
  describe("journals", () => {
    withLog(harness, "give a new owner every entry in order, with what they carry", async (log) => {
      const { epoch, entries } = await log.claim(JOURNAL);
      expect(entries).toEqual([]);
      const verdict: JournalEntry = entry("v", { kind: "verdict", nextTimer: 99, positions: [] });
      await Promise.all([log.commit(request(epoch, "u1")), log.commit({ ...request(epoch, "v"), entry: verdict })]);
      const next = await log.claim(JOURNAL);
      expect(next.epoch).toBeGreaterThan(epoch);
      expect(next.entries.map((one) => ({ ...one, body: Uint8Array.from(one.body) }))).toEqual([entry("u1"), verdict]);
    });

    withLog(harness, "take commits that are not waited for in their order", async (log) => {
      const { epoch } = await log.claim(JOURNAL);
      const names = Array.from({ length: 100 }, (_, index) => `u${index}`);
      await Promise.all(names.map((name) => log.commit(request(epoch, name))));
      expect(await restored(log)).toEqual(names.map((name) => `unit ${name}`));
    });

    withLog(harness, "fence the owner whose epoch is old: its commit writes nothing", async (log) => {
      const old = await log.claim(JOURNAL);
      const { epoch } = await log.claim(JOURNAL);
      const stale = request(old.epoch, "stale", {
        outputs: [{ topic: "readings", partition: 2, records: [text("stale")] }],
      });
      await expect(log.commit(stale)).rejects.toMatchObject({ code: "JOURNAL_FENCED", retry: "restore" });
      await log.commit(request(epoch, "good"));
      expect(await restored(log)).toEqual(["unit good"]);
      expect(await readPartition(log, "readings", 2, 0)).toEqual([]);
    });

    withLog(harness, "fail everything after the first failed commit, until the next claim", async (log) => {
      const { epoch } = await log.claim(JOURNAL);
      const broken = request(epoch, "broken", {
        outputs: [{ topic: "readings", partition: 99, records: [text("x")] }],
      });
      const results = await Promise.allSettled([
        log.commit(request(epoch, "before")),
        log.commit(broken),
        log.commit(request(epoch, "after")),
      ]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
      await expect(log.commit(request(epoch, "later"))).rejects.toMatchObject({ code: "JOURNAL_FENCED" });
      expect(await restored(log)).toEqual(["unit before"]);
      const { epoch: next } = await log.claim(JOURNAL);
      await log.commit(request(next, "again"));
      expect(await restored(log)).toEqual(["unit before", "unit again"]);
    });

    withLog(harness, "keep journals of other names and partitions apart", async (log) => {
      const other = { name: JOURNAL.name, partition: 3 };
      const mine = await log.claim(JOURNAL);
      const theirs = await log.claim(other);
      await log.commit(request(mine.epoch, "mine"));
      await log.commit({ ...request(theirs.epoch, "theirs"), journal: other });
      expect(await restored(log)).toEqual(["unit mine"]);
    });

    withLog(harness, "make outputs visible with their entry", async (log) => {
      const { epoch } = await log.claim(JOURNAL);
      const outputs = [
        { topic: "readings", partition: 2, records: [text("r1"), text("r2")] },
        { topic: "alarms", partition: 2, records: [text("a1")] },
      ];
      await Promise.all([log.commit(request(epoch, "u1", { outputs })), log.commit(request(epoch, "u2", { outputs }))]);
      expect(await readPartition(log, "readings", 2, 0)).toEqual(["r1", "r2", "r1", "r2"]);
      expect(await readPartition(log, "alarms", 2, 0)).toEqual(["a1", "a1"]);
    });

    withLog(harness, "restore from the first chunk of the last complete snapshot", async (log) => {
      const { epoch } = await log.claim(JOURNAL);
      for (const name of ["u1", "u2"]) await log.commit(request(epoch, name));
      await log.commit(request(epoch, "s1", snapshot("s1", false)));
      await log.commit(request(epoch, "s2", snapshot("s2", true)));
      await log.commit(request(epoch, "u3"));
      await log.commit(request(epoch, "t1", snapshot("t1", false)));
      expect(await restored(log)).toEqual(["snapshot s1", "snapshot s2", "unit u3", "snapshot t1"]);
      const { epoch: next, entries } = await log.claim(JOURNAL);
      expect(entries.map(({ complete }) => complete)).toEqual([false, true, undefined, false]);
      // The chunk of the owner that was fenced does not belong to the new owner's snapshot.
      await log.commit(request(next, "w1", snapshot("w1", true)));
      await log.commit(request(next, "u4"));
      expect(await restored(log)).toEqual(["snapshot w1", "unit u4"]);
    });

    withLog(harness, "tell where they stand, also after a restart", async (first, under) => {
      const { epoch } = await first.claim(JOURNAL);
      const outputs = [{ topic: "readings", partition: 2, records: [text("r")] }];
      await first.commit({ ...request(epoch, "u1", { outputs }), entry: entry("u1", { nextTimer: 1234 }) });
      const expected = [{ ...JOURNAL, epoch, positions: [at("telemetry", 2, 7)], nextTimer: 1234 }];
      expect((await first.status()).journals).toEqual(expected);
      await under.reopen();
      const { log } = under;
      expect((await log.status()).journals).toEqual(expected);
      const claim = await log.claim(JOURNAL);
      expect(claim.epoch).toBeGreaterThan(epoch);
      expect(claim.entries).toHaveLength(1);
      expect((await log.status()).journals[0]).toMatchObject({ epoch: claim.epoch, nextTimer: 1234 });
    });

    withLog(
      harness,
      "whose stage has ended leave the offsets of its input as they are, also after a restart",
      async (first, under) => {
        const { epoch } = await first.claim(JOURNAL);
        expect(await first.append("telemetry", 2, [text("a"), text("b")])).toBe(0);
        const ended = entry("end", { kind: "snapshot", complete: true, positions: [at("telemetry", 2, ENDED_AT)] });
        await first.commit({ ...request(epoch, "end"), entry: ended });
        await under.reopen();
        expect(await under.log.append("telemetry", 2, [text("c")])).toBe(2);
        const partitions = (await under.log.status()).partitions.filter(({ topic }) => topic === "telemetry");
        expect(partitions.find(({ partition }) => partition === 2)).toMatchObject({ startOffset: 0, endOffset: 3 });
        expect(await readPartition(under.log, "telemetry", 2, 0)).toHaveLength(3);
      },
    );

    withLog(harness, "restore after a restart what a snapshot and later units left", async (first, under) => {
      const { epoch } = await first.claim(JOURNAL);
      await first.commit(request(epoch, "u1"));
      await first.commit(request(epoch, "s1", snapshot("s1", true)));
      await first.commit(request(epoch, "u2"));
      await under.reopen();
      expect(await restored(under.log)).toEqual(["snapshot s1", "unit u2"]);
    });
  });
}
