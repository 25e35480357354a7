import { describe, expect, it } from "vitest";
import { FollowedSink } from "../../../sinks/clickhouse/followed-sink.ts";
import { claimSinkJournal } from "../../../sinks/clickhouse/sink-journal.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../support/memory-event-log.ts";
import { sourceAt } from "./record-fixtures.ts";
import type { JournalFollowing } from "../../../core/event-log.ts";

const ID = { name: "sink:test", partition: 0 };
const at = (offset: number) => [{ topic: "readings", partition: 0, offset }];
const removed = { tenant: "t", device: "d", until: sourceAt(0, 3) };
const plan = {
  id: "6ff9e1ac-5d43-4b8b-9d71-6a2e9f2f9f10",
  ranges: [{ topic: "readings", partition: 0, from: 5, to: 9 }],
  inserts: [],
  erasures: [],
};

/** All of the journal with each look, as after a snapshot. */
function following(log: MemoryEventLog): JournalFollowing {
  return { next: async () => ({ isFresh: true, entries: (await log.claim(ID)).entries }) };
}

describe("a sink that is followed by its journal", () => {
  it("tells the rows that are settled with the positions at which they are", async () => {
    const log = createMemoryEventLog();
    const sink = new FollowedSink(following(log));
    expect(await sink.settled()).toBeNull();
    let rows: number | null = null;
    const journal = await claimSinkJournal(log, ID, () => rows);
    rows = 40;
    await journal.snapshot("one", at(5), [], [removed]);
    await journal.plan(plan, "one", at(5), []);
    expect(await sink.settled()).toEqual({ rows: 40, positions: at(5) });
    expect(await sink.erasures()).toEqual([removed]);
    const again = await claimSinkJournal(log, ID, () => rows);
    rows = 47;
    await again.settle("one", at(9), []);
    expect(await Promise.all([sink.settled(), sink.settled()])).toEqual([
      { rows: 47, positions: at(9) },
      { rows: 47, positions: at(9) },
    ]);
  });

  it("knows nothing of the rows from entries of a release that did not say", async () => {
    const log = createMemoryEventLog();
    const journal = await claimSinkJournal(log, ID);
    await journal.settle("one", at(9), []);
    expect(await new FollowedSink(following(log)).settled()).toBeNull();
  });
});
