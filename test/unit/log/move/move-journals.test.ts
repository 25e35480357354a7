import { describe, expect, it } from "vitest";
import { moveJournals } from "../../../../log/move/move-journals.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../../support/memory-event-log.ts";
import type { JournalEntry, JournalEntryKind } from "../../../../core/event-log.ts";
import type { MoveTarget } from "../../../../log/move/move-target.ts";

const JOURNAL = { name: "stage:main", partition: 0 };

function entry(text: string, kind: JournalEntryKind = "unit", complete?: boolean): JournalEntry {
  const positions = [{ topic: "telemetry", partition: 0, offset: text.length }];
  const body = new TextEncoder().encode(text);
  return { kind, positions, nextTimer: 7, body, ...(complete === undefined ? {} : { complete }) };
}

async function logWith(...entries: readonly JournalEntry[]): Promise<MemoryEventLog & MoveTarget> {
  const log = createMemoryEventLog({ partitionCount: 1 });
  const { epoch } = await log.claim(JOURNAL);
  for (const one of entries) await log.commit({ journal: JOURNAL, epoch, entry: one, outputs: [] });
  return Object.assign(log, { deleteBefore: () => Promise.resolve() });
}

async function textsOf(log: MemoryEventLog): Promise<string[]> {
  const { entries } = await log.claim(JOURNAL);
  return entries.map(({ kind, body }) => `${kind} ${new TextDecoder().decode(body)}`);
}

describe("moving journals", () => {
  it("brings what an owner restores from, and nothing of a snapshot that was not completed", async () => {
    const half = entry("half", "snapshot", false);
    const source = await logWith(
      entry("old"),
      entry("s1", "snapshot", false),
      entry("s2", "snapshot", true),
      entry("u"),
      half,
    );
    const target = await logWith();
    expect(await moveJournals(source, target)).toEqual([{ ...JOURNAL, entries: 3 }]);
    expect(await textsOf(target)).toEqual(["snapshot s1", "snapshot s2", "unit u"]);
    const { journals } = await target.status();
    expect(journals[0]?.positions).toEqual(entry("u").positions);
    expect(journals[0]?.nextTimer).toBe(7);
  });

  it("goes on where it was broken off", async () => {
    const all = [entry("a"), entry("b"), entry("c")];
    for (const count of [0, 1, 2, 3]) {
      const target = await logWith(...all.slice(0, count));
      await moveJournals(await logWith(...all), target);
      expect(await textsOf(target)).toEqual(["unit a", "unit b", "unit c"]);
    }
  });

  it("begins anew where it was broken off within a snapshot, or has moved on here since", async () => {
    const snapshot = [entry("s1", "snapshot", false), entry("s2", "snapshot", false), entry("s3", "snapshot", true)];
    const all = [...snapshot, entry("u")];
    for (const present of [[], snapshot.slice(0, 1), snapshot.slice(0, 2), snapshot, [entry("old"), entry("older")]]) {
      const target = await logWith(...present);
      expect(await moveJournals(await logWith(...all), target)).toEqual([{ ...JOURNAL, entries: 4 }]);
      expect(await textsOf(target)).toEqual(["snapshot s1", "snapshot s2", "snapshot s3", "unit u"]);
    }
  });

  it("is refused where another journal stands, and for a damaged one", async () => {
    const other = await logWith(entry("x"));
    await expect(moveJournals(await logWith(entry("a")), other)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const longer = await logWith(entry("a"), entry("b"));
    await expect(moveJournals(await logWith(entry("a")), longer)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const damaged = await logWith(entry("a"));
    damaged.damage(JOURNAL, 0);
    await expect(moveJournals(damaged, await logWith())).rejects.toMatchObject({ code: "DATA_DAMAGED" });
  });
});
