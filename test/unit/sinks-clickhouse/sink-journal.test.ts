import { describe, expect, it } from "vitest";
import { erasureToTuple } from "../../../sinks/clickhouse/erased-devices.ts";
import { claimSinkJournal } from "../../../sinks/clickhouse/sink-journal.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import { sourceAt } from "./record-fixtures.ts";
import type { SourceMark } from "../../../engine/source-marks.ts";

const ID = { name: "sink:test", partition: 0 };
const DATABASE = "one";
const at = (offset: number) => [{ topic: "readings", partition: 0, offset }];
const mark = (offset: number, partition = 0): SourceMark => ({
  topic: "readings",
  partition,
  source: sourceAt(partition, offset),
});
const plan = (id: string) => ({
  id,
  ranges: [{ topic: "readings", partition: 0, from: 5, to: 9 }],
  inserts: [],
  erasures: [],
});
const [P1, P2] = ["6ff9e1ac-5d43-4b8b-9d71-6a2e9f2f9f10", "6ff9e1ac-5d43-4b8b-9d71-6a2e9f2f9f11"] as const;

describe("the sink's journal", () => {
  it("knows nothing at first", async () => {
    const { restored } = await claimSinkJournal(createMemoryEventLog(), ID);
    expect(restored).toEqual({ database: null, positions: [], marks: [], erased: [], unsettled: null });
  });

  it("restores the last plan as unsettled, with the marks before it", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    await journal.snapshot(DATABASE, at(0), [mark(1), mark(1, 1)], []);
    await journal.plan(plan(P1), DATABASE, at(0), [mark(4)]);
    await journal.plan(plan(P2), DATABASE, at(5), [mark(8)]);
    const { restored } = await claimSinkJournal(log, ID);
    expect(restored.database).toBe(DATABASE);
    expect(restored.positions).toEqual(at(5));
    expect(restored.marks).toEqual([mark(4), mark(1, 1)]);
    expect(restored.unsettled).toEqual({ plan: plan(P2), marks: [mark(8)] });
  });

  it("restores nothing unsettled after a settle, and the marks of the plan", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    await journal.plan(plan(P1), DATABASE, at(5), [mark(8)]);
    await journal.settle(DATABASE, at(9), []);
    await journal.settle(DATABASE, at(12), [mark(11)]);
    expect((await claimSinkJournal(log, ID)).restored).toEqual({
      database: DATABASE,
      positions: at(12),
      marks: [mark(11)],
      erased: [],
      unsettled: null,
    });
  });

  it("keeps the erasures of plans and snapshots, but not that of a plan that is unsettled", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    const erasure = (device: string, offset: number) => ({ tenant: "plant", device, until: sourceAt(0, offset) });
    const [a, b, c] = [erasure("a", 1), erasure("b", 2), erasure("c", 3)] as const;
    await journal.snapshot(DATABASE, at(0), [], [a]);
    await journal.plan({ ...plan(P1), erasures: [erasureToTuple(b)] }, DATABASE, at(0), []);
    await journal.plan({ ...plan(P2), erasures: [erasureToTuple(c)] }, DATABASE, at(5), []);
    expect((await claimSinkJournal(log, ID)).restored.erased).toEqual([a, b]);
    await (await claimSinkJournal(log, ID)).settle(DATABASE, at(9), []);
    expect((await claimSinkJournal(log, ID)).restored.erased).toEqual([a, b, c]);
  });

  it("reads the entries of before there were erasures", async () => {
    const log = createMemoryEventLog();
    const { epoch } = await log.claim(ID);
    const { erasures: _, ...old } = plan(P1);
    const body = Buffer.from(JSON.stringify({ v: 1, kind: "plan", database: DATABASE, marks: [], plan: old }));
    await log.commit({
      journal: ID,
      epoch,
      entry: { kind: "unit", positions: [], nextTimer: null, body },
      outputs: [],
    });
    expect((await claimSinkJournal(log, ID)).restored).toMatchObject({ erased: [], unsettled: { plan: plan(P1) } });
  });

  it("forgets with a snapshot what was before, lower marks included", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    await journal.plan(plan(P1), DATABASE, at(5), [mark(8)]);
    await journal.snapshot("two", at(0), [mark(2)], []);
    expect((await claimSinkJournal(log, ID)).restored).toEqual({
      database: "two",
      positions: at(0),
      marks: [mark(2)],
      erased: [],
      unsettled: null,
    });
  });

  it("wants a snapshot when it has become long, and stays short with them", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    let longest = 0;
    for (let i = 0; i < 1200; i += 1) {
      await journal.settle(DATABASE, at(i), [mark(i)]);
      if (journal.wantsSnapshot()) {
        longest = Math.max(longest, i);
        await journal.snapshot(DATABASE, at(i), [mark(i)], []);
      }
    }
    expect(longest).toBeGreaterThan(0);
    expect((await log.claim(ID)).entries.length).toBeLessThan(600);
  });

  it("is fenced by the next claim", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    await claimSinkJournal(log, ID);
    await expect(journal.settle(DATABASE, at(1), [])).rejects.toMatchObject({ code: "JOURNAL_FENCED" });
  });

  it("refuses entries of a release it does not know", async () => {
    const log = createMemoryEventLog();
    const { epoch } = await log.claim(ID);
    const entry = { kind: "unit", positions: [], nextTimer: null, body: Buffer.from('{"v":9}') } as const;
    await log.commit({ journal: ID, epoch, entry, outputs: [] });
    await expect(claimSinkJournal(log, ID)).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
  });
});
