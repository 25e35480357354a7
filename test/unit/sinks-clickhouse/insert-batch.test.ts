import { describe, expect, it } from "vitest";
import { HEADER } from "../../../core/record.ts";
import { ErasedDevices } from "../../../sinks/clickhouse/erased-devices.ts";
import { InsertBatch } from "../../../sinks/clickhouse/insert-batch.ts";
import { insertToken, makeInsertPlan, matchesPlan } from "../../../sinks/clickhouse/insert-plan.ts";
import { SettledCount } from "../../../sinks/clickhouse/settled-readings.ts";
import { SourceMarks } from "../../../engine/source-marks.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import { aggregate, derivedRecord, reading, sourceAt, TENANT } from "./record-fixtures.ts";
import type { FetchedSlice } from "../../../core/event-log.ts";
import type { RecordInput } from "../../../core/record.ts";

/** Slices as a reader gives them. */
async function slices(
  inputs: readonly (readonly [topic: string, partition: number, records: readonly RecordInput[]])[],
): Promise<FetchedSlice[]> {
  const log = createMemoryEventLog();
  const made: FetchedSlice[] = [];
  for (const [topic, partition, records] of inputs) {
    const offset = log.appendNow(topic, partition, records);
    const reader = log.openReader([{ topic, partition, offset }]);
    made.push(...(await reader.poll({ bytesMax: 1e9, waitMs: 0 })));
  }
  return made;
}

function batchOf(from: readonly FetchedSlice[], marks = new SourceMarks(), erased = new ErasedDevices()): InsertBatch {
  const batch = new InsertBatch(marks, erased);
  for (const slice of from) batch.add(slice, slice.records[0]?.offset ?? 0);
  return batch;
}

const shapes = (batch: InsertBatch) => batch.finish(7).map(({ shape, month, rows }) => [shape.table, month, rows]);
const DECEMBER = Date.UTC(2016, 11, 31, 23, 59, 59, 999);

describe("InsertBatch", () => {
  it("makes one insert per table and UTC month", async () => {
    const batch = batchOf(
      await slices([
        ["readings", 0, [derivedRecord(reading("a", DECEMBER, { t: 1, h: 2 }), sourceAt(0, 0))]],
        ["readings", 0, [derivedRecord(reading("a", DECEMBER + 1, { t: 3 }), sourceAt(0, 1))]],
        ["aggregates", 0, [derivedRecord(aggregate("a", "t", DECEMBER, 0, 1), sourceAt(0, 0))]],
      ]),
    );
    expect(shapes(batch)).toEqual([
      ["aggregates", 201612, 1],
      ["dirty_buckets", 7, 2],
      ["latest_readings", 0, 2],
      ["readings", 201612, 2],
      ["readings", 201701, 1],
    ]);
  });

  it("tells what users' functions made from what the main stage did: the ledger is of that alone", async () => {
    const derived = { ...sourceAt(0, 5), stage: "functions", topic: "readings" };
    const batch = batchOf(
      await slices([
        ["readings", 0, [derivedRecord(reading("a", DECEMBER, { t: 1, h: 2 }), sourceAt(0, 0))]],
        ["readings", 0, [derivedRecord(reading("a", DECEMBER, { dew: 3 }), derived)]],
      ]),
    );
    const plan = makeInsertPlan("1", batch.ranges(), batch.finish(7));
    expect(plan.inserts.filter(({ table }) => table === "readings")).toMatchObject([{ rows: 3, derived: 1 }]);
    const settled = new SettledCount();
    settled.reset(10, []);
    settled.settle(plan, []);
    expect(settled.latest()?.rows).toBe(12);
  });

  it("gives the same bytes for the same slices, and tokens that depend on plan, table and month only", async () => {
    const read = await slices([
      ["readings", 1, [0, 1, 2].map((n) => derivedRecord(reading("a", n, { t: n, s: "x" }), sourceAt(1, n)))],
    ]);
    const [one, two] = [batchOf(read).finish(7), batchOf(read).finish(7)];
    expect(two.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual(
      one.map(({ bytes }) => Buffer.from(bytes).toString("hex")),
    );
    const plan = makeInsertPlan("6ff9e1ac-5d43-4b8b-9d71-6a2e9f2f9f10", batchOf(read).ranges(), one);
    expect(matchesPlan(plan, two)).toBe(true);
    expect(insertToken(plan, "readings", 197001)).toBe("6ff9e1ac-5d43-4b8b-9d71-6a2e9f2f9f10:readings:197001");
    const fewer = await slices([["readings", 1, [derivedRecord(reading("a", 1, { t: 1 }), sourceAt(1, 0))]]]);
    expect(matchesPlan(plan, batchOf(fewer).finish(7))).toBe(false);
  });

  it("covers what it read, rows or not, and joins slices of one partition", async () => {
    const control: RecordInput = {
      timestamp: 1,
      key: null,
      value: Buffer.from("{}"),
      headers: [[HEADER.controlKind, "tick"]],
    };
    const log = createMemoryEventLog();
    log.appendNow("readings", 2, [control, control, control]);
    const reader = log.openReader([{ topic: "readings", partition: 2, offset: 0 }]);
    const batch = new InsertBatch(new SourceMarks(), new ErasedDevices());
    let from = 0;
    for (let i = 0; i < 3; i += 1) {
      for (const slice of await reader.poll({ bytesMax: 1, waitMs: 0 })) {
        batch.add(slice, from);
        from = slice.nextOffset;
      }
    }
    expect(batch.ranges()).toEqual([{ topic: "readings", partition: 2, from: 0, to: 3 }]);
    expect(batch.isEmpty).toBe(false);
    expect(batch.finish(7)).toEqual([]);
  });

  it("drops repeats per topic, so that readings do not hide the aggregates of the same input", async () => {
    const marks = new SourceMarks();
    const value = derivedRecord(reading("a", 1, { t: 1 }), sourceAt(0, 5));
    const window = derivedRecord(aggregate("a", "t", 60_000, 0, 1), sourceAt(0, 5));
    const batch = batchOf(
      await slices([
        ["readings", 0, [value, value]],
        ["aggregates", 0, [window]],
      ]),
      marks,
    );
    expect(batch.repeats).toBe(1);
    expect(shapes(batch)).toContainEqual(["aggregates", 0 + 197001, 1]);
  });

  it("counts values without their topic's shape and stores the rest", async () => {
    const bad = [
      { v: 2, tenant: TENANT, device: "a", ts: 1, metrics: { t: 1 } },
      { v: 1, tenant: TENANT, device: "a", ts: -1, metrics: { t: 1 } },
      { v: 1, tenant: TENANT, device: "a", ts: 1, metrics: { t: null } },
      { v: 1, tenant: TENANT, device: "a", ts: 1, metrics: [1] },
      { v: 1, tenant: TENANT, device: "a", ts: 2 ** 53 - 1, metrics: { t: 1 } },
      [],
      reading("a", 1, { t: 1 }),
    ];
    const batch = batchOf(await slices([["readings", 0, bad.map((value, n) => derivedRecord(value, sourceAt(0, n)))]]));
    expect(batch.bad.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(shapes(batch)).toContainEqual(["readings", 197001, 1]);
  });

  it("erases a removed device: no row of the removal, nothing from before it that is read later, all that comes after", async () => {
    const removed = { v: 1, tenant: TENANT, device: "a", kind: "removed", ts: 1, received: 1, detail: "" };
    const erased = new ErasedDevices();
    const batch = batchOf(
      await slices([
        ["device-events", 0, [derivedRecord(removed, sourceAt(0, 5))]],
        ["readings", 0, [3, 5, 6].map((n) => derivedRecord(reading("a", n, { t: n }), sourceAt(0, n)))],
        ["aggregates", 0, [derivedRecord(aggregate("b", "t", 0, 0, 1), sourceAt(0, 4))]],
      ]),
      new SourceMarks(),
      erased,
    );
    const erasure = { tenant: TENANT, device: "a", until: sourceAt(0, 5) };
    expect(batch.erasures).toEqual([erasure]);
    expect(erased.all()).toEqual([erasure]);
    expect(shapes(batch)).toEqual([
      ["aggregates", 197001, 1],
      ["dirty_buckets", 7, 1],
      ["latest_readings", 0, 1],
      ["readings", 197001, 1],
    ]);
    expect(batch.bad).toEqual([]);
  });

  it("notes a removal that it does not know although it repeats: the marks may be the tables', the journal lost", async () => {
    const removed = { v: 1, tenant: TENANT, device: "a", kind: "removed", ts: 1, received: 1, detail: "" };
    const marks = new SourceMarks();
    marks.raise([{ topic: "device-events", partition: 0, source: sourceAt(0, 9) }]);
    const erased = new ErasedDevices();
    const twice = derivedRecord(removed, sourceAt(0, 5));
    const batch = batchOf(await slices([["device-events", 0, [twice, twice]]]), marks, erased);
    expect(batch.erasures).toEqual([{ tenant: TENANT, device: "a", until: sourceAt(0, 5) }]);
    expect([batch.repeats, batch.bad, shapes(batch)]).toEqual([2, [], []]);
  });

  it("identifies records that no stage made by where they lie", async () => {
    const event = { v: 1, tenant: TENANT, device: "a", kind: "connected", ts: 1, received: 1, detail: "" };
    const plain = { ...derivedRecord(event, sourceAt(0, 0)), headers: [] };
    const batch = batchOf(await slices([["device-events", 0, [plain, plain]]]));
    expect(batch.repeats).toBe(0);
    expect(shapes(batch)).toEqual([["device_events", 197001, 2]]);
  });
});
