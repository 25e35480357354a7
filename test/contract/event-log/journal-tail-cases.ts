import { describe, expect } from "vitest";
import { at, eventually } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import type { EventLog, JournalClaim, JournalEntry, JournalHolding } from "../../../core/event-log.ts";
import type { LogHarness } from "./log-harness.ts";

const JOURNAL = { name: "stage:main", partition: 2 };
const CHUNK = { kind: "snapshot", complete: false } as const;
const LAST_CHUNK = { kind: "snapshot", complete: true } as const;

type Fields = Partial<Pick<JournalEntry, "kind" | "complete" | "nextTimer">>;

/** Commits entries under the claim, each a name or a name with what is special about it. What their owner then holds. */
async function commit(
  log: EventLog,
  { epoch, mark }: JournalClaim,
  ...entries: readonly (string | readonly [string, Fields])[]
): Promise<JournalHolding> {
  for (const one of entries) {
    const [name, fields] = typeof one === "string" ? [one, {}] : one;
    const positions = [at("telemetry", 2, Number.parseInt(name.slice(1), 10))];
    const entry = { kind: "unit" as const, positions, nextTimer: null, body: Buffer.from(name), ...fields };
    await log.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
  }
  if (mark === null) throw new Error("a damaged journal gives no mark");
  return { mark, commits: entries.length };
}

async function claim(log: EventLog, held?: JournalHolding) {
  const claimed = await log.claim(JOURNAL, held);
  const { entries, isTail, damaged } = claimed;
  const names = entries.map(({ body }) => new TextDecoder().decode(body)).join(" ");
  return { claimed, found: { names, isTail, damaged } };
}

const tail = (names: string) => ({ names, isTail: true, damaged: false });
const all = (names: string) => ({ names, isTail: false, damaged: false });

export function journalTailCases(harness: LogHarness): void {
  describe("a journal that is claimed by who has held it before", () => {
    withLog(harness, "gives what others have committed since, without what they left unfinished", async (log) => {
      const first = await log.claim(JOURNAL);
      const held = await commit(log, first, "u1", "u2");
      const second = await log.claim(JOURNAL);
      await commit(log, second, "u3", ["s3", CHUNK]);
      await expect(commit(log, first, "u3")).rejects.toMatchObject({ code: "JOURNAL_FENCED" });
      const third = await log.claim(JOURNAL);
      await commit(log, third, "u4");
      const { claimed, found } = await claim(log, held);
      expect(found).toEqual(tail("u3 s3 u4"));
      expect(claimed.entries.map(({ positions }) => positions[0]?.offset)).toEqual([3, 3, 4]);
      const again = await commit(log, claimed, "u5");
      expect((await claim(log, again)).found).toEqual(tail(""));
      expect((await claim(log)).found).toEqual(all("u1 u2 u3 s3 u4 u5"));
    });

    withLog(harness, "gives nothing when nobody has committed anything, and says where it stands", async (log) => {
      const held = await commit(log, await log.claim(JOURNAL), "u1", ["u2", { nextTimer: 77 }]);
      const second = await claim(log, held);
      expect(second.found).toEqual(tail(""));
      // Nothing was committed under the claim itself.
      const third = await claim(log, await commit(log, second.claimed));
      expect(third.found).toEqual(tail(""));
      const standing = { epoch: third.claimed.epoch, positions: [at("telemetry", 2, 2)], nextTimer: 77 };
      expect((await log.status()).journals).toEqual([{ ...JOURNAL, ...standing }]);
    });

    withLog(harness, "gives all from a snapshot on that was completed since", async (log) => {
      const held = await commit(log, await log.claim(JOURNAL), "u1");
      await commit(log, await log.claim(JOURNAL), "u2", ["s2", CHUNK], ["t2", LAST_CHUNK], "u3");
      // Also when what it replaces is deleted.
      for (let look = 0; look < 5; look++) {
        expect((await claim(log, held)).found).toEqual(all("s2 t2 u3"));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });

    withLog(harness, "goes on behind a snapshot of one's own, and never from within it", async (log) => {
      const first = await log.claim(JOURNAL);
      const { mark, commits } = await commit(log, first, "u1", ["s1", CHUNK], ["t1", LAST_CHUNK]);
      await commit(log, await log.claim(JOURNAL), "u2");
      expect((await claim(log, { mark, commits })).found).toEqual(tail("u2"));
      expect((await claim(log, { mark, commits: 2 })).found).toEqual(all("s1 t1 u2"));
      const next = await claim(log);
      const within = await commit(log, next.claimed, ["s2", CHUNK]);
      expect((await claim(log, within)).found).toEqual(all("s1 t1 u2 s2"));
    });

    withLog(harness, "gives all for what is held of another journal, or more than there is", async (log) => {
      const held = await commit(log, await log.claim(JOURNAL), "u1");
      const other = await log.claim({ ...JOURNAL, partition: 3 }, held);
      expect(other).toMatchObject({ entries: [], isTail: false });
      for (const commits of [2, 3, 100]) expect((await claim(log, { ...held, commits })).found).toEqual(all("u1"));
    });

    withLog(
      harness,
      "gives all for what is held of another log, or of this one before a restart",
      async (log, under) => {
        const held = await commit(log, await log.claim(JOURNAL), "u1");
        const elsewhere = await harness.open({ partitionCount: 4 });
        try {
          await commit(elsewhere.log, await elsewhere.log.claim(JOURNAL), "v1");
          expect((await claim(elsewhere.log, held)).found).toEqual(all("v1"));
        } finally {
          await elsewhere.dispose();
        }
        await under.reopen();
        expect((await claim(under.log, held)).found).toEqual(all("u1"));
      },
    );

    withLog(
      harness,
      "ends before damage behind what is held, and gives all when that itself is damaged",
      async (log, under) => {
        const held = await commit(log, await log.claim(JOURNAL), "u1-mine", "u2-mine");
        const other = await log.claim(JOURNAL);
        await commit(log, other, "u3-theirs", "u4-damaged", "u5-theirs");
        await under.damageOpen("u4-damaged");
        const damaged = await eventually("the damage", async () => {
          const { claimed, found } = await claim(log, held);
          return found.damaged && { claimed, found };
        });
        expect(damaged.found).toEqual({ names: "u3-theirs", isTail: true, damaged: true });
        expect(damaged.claimed.mark).toBeNull();
        await under.damageOpen("u2-mine");
        expect((await claim(log, held)).found).toEqual({ names: "u1-mine", isTail: false, damaged: true });
      },
    );
  });
}
