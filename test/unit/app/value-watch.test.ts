import { describe, expect, it } from "vitest";
import { createValueWatch } from "../../../app/ledger/value-watch.ts";
import { JOURNALS } from "../../../app/journals.ts";
import { MillraceError } from "../../../core/errors.ts";
import { noOutcomes } from "../../../core/ledger.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import { derivedRecord, reading, sourceAt, TENANT } from "../sinks-clickhouse/record-fixtures.ts";
import type { LedgerSources } from "../../../app/ledger/ledger-sources.ts";
import type { SettledReadings } from "../../../sinks/clickhouse/settled-readings.ts";
import type { MemoryEventLog } from "../../support/memory-event-log.ts";

const NOW = { now: () => 1 };
const NOTHING_READ: SettledReadings = { rows: 3, positions: [] };

/** A stage that stood before offset 10 of partition 0 and had produced so many values. */
function sourcesOver(
  log: MemoryEventLog,
  valuesProduced: number,
  settled: () => Promise<SettledReadings | null>,
): LedgerSources {
  const totals = new Map([["acme/a", { ...noOutcomes(), processed: 1, valuesProduced }]]);
  return {
    log,
    stage: "main",
    firstGeneration: 0,
    totals: () => Promise.resolve([{ partitions: [{ partition: 0, nextOffset: 10, step: 0 }], totals, quiet: true }]),
    history: () => null,
    erasures: () => Promise.resolve([]),
    settled,
  };
}

async function logWithStageAt(offset: number): Promise<MemoryEventLog> {
  const log = createMemoryEventLog();
  const journal = { name: JOURNALS.stage, partition: 0 };
  const { epoch } = await log.claim(journal);
  const positions = [{ topic: "telemetry", partition: 0, offset }];
  const entry = { kind: "unit", positions, nextTimer: null, body: new Uint8Array(0) } as const;
  await log.commit({ journal, epoch, entry, outputs: [] });
  return log;
}

describe("the watch over stored values", () => {
  it("adds what is stored and what is in flight up to where the stage stood", async () => {
    const log = await logWithStageAt(10);
    const values = (offset: number) => derivedRecord(reading("a", offset, { t: 1, h: 2 }), sourceAt(0, offset));
    // The last two are of records that the stage had not counted yet.
    log.appendNow("readings", 0, [7, 8, 9, 10, 11].map(values));
    const settled = { rows: 3, positions: [{ topic: "readings", partition: 0, offset: 1 }] };
    const watch = createValueWatch(
      sourcesOver(log, 7, () => Promise.resolve(settled)),
      NOW,
    );
    const expected = { produced: 7, stored: 3, inFlight: 4, difference: 0, checked: true };
    expect(await watch.latest()).toMatchObject(expected);
  });

  it("leaves out what is in flight of a device that was removed before, and no later one", async () => {
    const log = await logWithStageAt(10);
    const values = (offset: number) => derivedRecord(reading("a", offset, { t: 1 }), sourceAt(0, offset));
    const removed = { v: 1, tenant: TENANT, device: "a", kind: "removed", ts: 1, received: 1, detail: "" };
    log.appendNow("readings", 0, [5, 6, 8].map(values));
    log.appendNow(
      "device-events",
      0,
      [6, 12].map((offset) => derivedRecord(removed, sourceAt(0, offset))),
    );
    const watch = createValueWatch(
      sourcesOver(log, 4, () => Promise.resolve(NOTHING_READ)),
      NOW,
    );
    expect(await watch.latest()).toMatchObject({ inFlight: 1, difference: 0 });
  });

  it("shows a difference only when the next looks have it too", async () => {
    const log = await logWithStageAt(10);
    let now = 0;
    const watch = createValueWatch(
      sourcesOver(log, 5, () => Promise.resolve(NOTHING_READ)),
      { now: () => now },
    );
    const seen: number[] = [];
    for (; seen.length < 8; now += 10_000) seen.push((await watch.latest()).difference);
    expect(seen.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(seen.at(-1)).toBe(2);
  });

  it("answers from the last look while the sink hangs, and asks it once only", async () => {
    const log = await logWithStageAt(10);
    let now = 0;
    let asked = 0;
    const settled = (): Promise<SettledReadings> => {
      asked += 1;
      return asked === 1 ? Promise.resolve(NOTHING_READ) : new Promise(() => undefined);
    };
    const watch = createValueWatch(sourcesOver(log, 3, settled), { now: () => now }, 5);
    expect(await watch.latest()).toMatchObject({ stored: 3, checked: true });
    now = 60_000;
    expect(await watch.latest()).toMatchObject({ stored: 3, checked: true });
    expect(await watch.latest()).toMatchObject({ stored: 3, checked: true });
    expect(asked).toBe(2);
  });

  it.each([
    ["cannot be reached", () => Promise.reject(new MillraceError("SINK_UNAVAILABLE", "down"))],
    ["cannot say yet", () => Promise.resolve(null)],
  ])("says that nothing is checked while the sink %s", async (_, settled) => {
    const watch = createValueWatch(sourcesOver(await logWithStageAt(10), 3, settled), NOW, 50);
    expect(await watch.latest()).toMatchObject({ checked: false, difference: 0 });
  });
});
