import { describe, expect, it } from "vitest";
import { createValueWatch } from "../../../app/ledger/value-watch.ts";
import { noOutcomes } from "../../../core/ledger.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import type { LedgerSources } from "../../../app/ledger/quiet-sample.ts";
import type { HistoryQueries, HistoryTally } from "../../../core/history.ts";

const TALLY: HistoryTally = {
  readingRows: 3,
  readingDistinct: 3,
  aggregateRows: 0,
  alarmEventRows: 0,
  quarantineRows: 0,
  deadLetterRows: 0,
  readingRowsByDevice: { "acme/a": 3 },
};

function sourcesOver(tally: () => Promise<HistoryTally>): LedgerSources {
  const asked = (): never => {
    throw new Error("a look asks for the tally alone");
  };
  const history: HistoryQueries = { series: asked, readings: asked, aggregates: asked, latest: asked, tally };
  const totals = new Map([["acme/a", { ...noOutcomes(), processed: 1, valuesProduced: 3 }]]);
  return {
    log: createMemoryEventLog(),
    totals: () => Promise.resolve([{ partitions: [], totals, quiet: true }]),
    history: () => history,
    erasures: () => Promise.resolve([]),
  };
}

describe("the watch over stored values", () => {
  it("shows what the tables hold", async () => {
    const watch = createValueWatch(
      sourcesOver(() => Promise.resolve(TALLY)),
      { now: () => 1 },
    );
    expect(await watch.latest()).toMatchObject({ produced: 3, stored: 3, difference: 0, checked: true });
  });

  it("answers from the last look while ClickHouse is frozen, and asks it once only", async () => {
    let now = 0;
    let asked = 0;
    const tally = (): Promise<HistoryTally> => {
      asked += 1;
      return asked === 1 ? Promise.resolve(TALLY) : new Promise(() => undefined);
    };
    const watch = createValueWatch(sourcesOver(tally), { now: () => now }, 5);
    await watch.latest();
    now = 60_000;
    expect(await watch.latest()).toMatchObject({ stored: 3, checked: true });
    expect(await watch.latest()).toMatchObject({ stored: 3, checked: true });
    expect(asked).toBe(2);
  });

  it("says that nothing is checked while there was no look yet", async () => {
    const watch = createValueWatch(
      sourcesOver(() => Promise.reject(new Error("down"))),
      { now: () => 1 },
      5,
    );
    expect(await watch.latest()).toMatchObject({ checked: false, difference: 0 });
  });
});
