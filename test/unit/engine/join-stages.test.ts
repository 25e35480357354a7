import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceEventSchema, readingSchema } from "../../../core/derived-records.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER } from "../../../core/record.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE } from "../../../core/stage.ts";
import { outputBatches } from "../../../runtime/output-batches.ts";
import { createStagePartition, type UnitDraft } from "../../../engine/stage-partition.ts";
import { loadPairs } from "../../support/joined-lines.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import { recordAt } from "../../../core/made-record.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { LogRecord, RecordInput } from "../../../core/record.ts";

const START = Date.UTC(2026, 0, 1);
const DEVICES = ["meter", "counter"] as const;

const deploy = (stage: string, version: number, code = "code", removed = false): ControlRecord => ({
  v: 1,
  kind: "deploy",
  revision: 10 + version,
  stage,
  removed,
  function: { name: "pairs", version, hash: "", code },
});
const device = (id: string, removed = false): ControlRecord => ({
  v: 1,
  kind: "device",
  revision: removed ? 2 : 1,
  removed,
  device: { tenant: "t", id, type: null, labels: { line: "line-1" }, disabled: false },
});

/** A partition of `readings` with one device's readings, the nth at n seconds. */
function readingsOf(id: (typeof DEVICES)[number], count: number): readonly LogRecord[] {
  const metric = id === "meter" ? "a" : "b";
  const records = [controlLogRecord(0, START, deploy("functions", 1)), controlLogRecord(1, START, device(id))];
  for (let n = 1; n <= count; n += 1) {
    const ts = START + n * 1000;
    const value = { v: 1, tenant: "t", device: id, ts, received: ts, metrics: { [metric]: n } };
    const headers = [[HEADER.source, `main telemetry 0 0 ${n} 0 0`]] as const;
    records.push(logRecord({ offset: records.length, timestamp: ts, key: `t/${id}`, value, headers }));
  }
  records.push(
    controlLogRecord(records.length, START + count * 1000, { v: 1, kind: "flush", upTo: START + 10_000_000 }),
  );
  return records;
}

/**
 * What the stage sends of a partition to be joined, batch by batch. Owners die after so many records each: their last unit is lost, its outputs
 * are not, as on Kafka.
 */
function sentOf(partition: number, records: readonly LogRecord[], lives: readonly number[]): readonly RecordInput[][] {
  const sent: RecordInput[][] = [];
  const units: UnitDraft["body"][] = [];
  let deaths = [...lives];
  for (;;) {
    const options = { stage: FUNCTIONS_STAGE, partition, generation: 0, load: loadPairs };
    const state = createStagePartition(options, { snapshot: [], units });
    const [life = Infinity, ...rest] = deaths;
    deaths = rest;
    let worked = 0;
    for (const record of records.filter(({ offset }) => offset >= state.next.offset)) {
      while (!state.process(record)) continue;
      const draft = state.seal();
      if (draft === null) continue;
      const batches = outputBatches(draft, partition, 1).filter(({ topic }) => topic === "repartition");
      sent.push(...batches.map((batch) => [...batch.records]));
      worked += 1;
      if (worked > life) break;
      units.push(draft.body);
    }
    if (worked <= life) return sent;
  }
}

/** The partition in which they meet: batches of both, one among the other. */
function meeting(sent: readonly (readonly RecordInput[][])[], order: readonly number[]): readonly LogRecord[] {
  const records = [controlLogRecord(0, START, deploy("joins", 1))];
  const left = sent.map((batches) => [...batches]);
  const take = (from: number): void => {
    for (const record of left[from]?.shift() ?? []) records.push(recordAt(record, records.length));
  };
  for (const from of order) take(from);
  left.forEach((batches, from) => batches.slice().forEach(() => take(from)));
  return records;
}

/** The same, to be joined by another key. */
function withKey(record: LogRecord, key: string, offset: number): LogRecord {
  const value = { ...JSON.parse(Buffer.from(record.value).toString()), key };
  return logRecord({ offset, timestamp: record.timestamp, key: `t/${key}`, value, headers: record.headers() });
}

function resultsOf(records: readonly LogRecord[]): readonly string[] {
  const run = runStage(records, { stage: JOINS_STAGE, partitionCount: 2, load: loadPairs, interrupt: () => "restart" });
  return valuesOf(run, "readings")
    .map((value) => readingSchema.parse(value))
    .map(({ device: id, metrics }) => `${id}: ${metrics["a"]} ${metrics["b"] ?? "-"}`)
    .toSorted();
}

/** The nth and the mth reading are n and m seconds old; at most ten lie between those of a pair. */
function expectedOf(meters: number, counters: number): readonly string[] {
  const all = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
  return all(meters)
    .flatMap((a) => {
      const partners = all(counters).filter((b) => Math.abs(a - b) <= 10);
      return partners.length === 0 ? [`line-1: ${a} -`] : partners.map((b) => `line-1: ${a} ${b}`);
    })
    .toSorted();
}

describe("a join over partitions", () => {
  const sent = { meter: sentOf(0, readingsOf("meter", 20), []), counter: sentOf(1, readingsOf("counter", 8), []) };

  it(
    "gives each pair once, and what has none a result, whatever dies on the way and is sent again",
    { timeout: 60_000 },
    () => {
      const lives = fc.array(fc.nat(6), { maxLength: 4 });
      const turns = fc.array(fc.nat(1), { maxLength: 60 });
      let repeated = 0;
      fc.assert(
        fc.property(lives, lives, turns, (meterLives, counterLives, order) => {
          const meter = sentOf(0, readingsOf("meter", 20), meterLives);
          const counter = sentOf(1, readingsOf("counter", 8), counterLives);
          repeated += meter.length + counter.length - sent.meter.length - sent.counter.length;
          expect(resultsOf(meeting([meter, counter], order))).toEqual(expectedOf(20, 8));
        }),
        { numRuns: 40 },
      );
      expect(repeated).toBeGreaterThan(20);
    },
  );

  it("is behind a flush only when both sides are: those of other partitions are not late", () => {
    const half = meeting([sent.meter, sent.counter.slice(0, -1)], []);
    expect(resultsOf(half)).toEqual(expectedOf(20, 8).filter((text) => !text.endsWith("-")));
  });

  it("passes by what comes for a function that is not there, and forgets what was kept for one that was taken back", () => {
    const records = meeting([sent.meter, sent.counter], []);
    const end = records.length - 10;
    const gone = records.map((record) => {
      return record.offset === end ? controlLogRecord(end, START, deploy("joins", 2, "", true)) : record;
    });
    const run = runStage(gone, { stage: JOINS_STAGE, partitionCount: 2, load: loadPairs });
    expect(valuesOf(run, "dead-letters")).toEqual([]);
    expect(
      [...run.state.snapshotChunks()].flatMap(({ slots }) => slots).filter(({ key }) => key.includes("line")),
    ).toEqual([]);
  });

  it("makes dead letters of what comes for a join whose code loads no more", () => {
    const [first, second, third] = meeting([sent.meter, sent.counter], []);
    if (first === undefined || second === undefined || third === undefined) throw new Error("too little was sent");
    const options = { stage: JOINS_STAGE, partition: 0, generation: 0, partitionCount: 2 };
    const before = createStagePartition({ ...options, load: loadPairs });
    for (const record of [first, second]) before.process(record);
    before.seal();
    const load = (): never => {
      throw new TypeError("there is no such module any more");
    };
    const after = createStagePartition({ ...options, load }, { snapshot: [...before.snapshotChunks()], units: [] });
    after.process(third);
    const draft = after.seal();
    expect(draft?.body.outcomes).toEqual([["", { deadLettered: 1 }]]);
    const letters = (draft?.outputs.get("dead-letters") ?? []).map(({ value }) =>
      JSON.parse(Buffer.from(value).toString()),
    );
    expect(letters).toMatchObject([{ function: "pairs", error: "there is no such module any more" }]);
  });

  it("counts for the partition, whatever the keys: those that came once would be counted in every snapshot for ever", () => {
    const [begin, ...joined] = meeting([sent.meter, sent.counter], []);
    if (begin === undefined) throw new Error("nothing was sent");
    const ofManyKeys = joined
      .filter(({ key }) => key === "t/line-1")
      .map((record, at) => withKey(record, `part-${at}`, at + 1));
    expect(ofManyKeys.length).toBeGreaterThan(20);
    const options = { stage: JOINS_STAGE, partition: 0, generation: 0, partitionCount: 2, load: loadPairs };
    const state = createStagePartition(options);
    const units = [begin, ...ofManyKeys].flatMap((record) => {
      state.process(record);
      return state.seal()?.body ?? [];
    });
    const total = { processed: ofManyKeys.length, control: 1, deadLettered: 0 };
    expect([...state.totals().keys()]).toEqual([""]);
    expect(state.totals().get("")).toMatchObject(total);
    const snapshot = [...state.snapshotChunks()];
    expect(snapshot.flatMap(({ outcomes }) => outcomes)).toMatchObject([["", total]]);

    // As a release before this one has written them.
    const perKey = units.map((unit, at) => ({
      ...unit,
      outcomes: unit.outcomes.map(([, counted]) => [`t/part-${at}`, counted] as const),
    }));
    for (const restored of [
      { snapshot: [], units: perKey },
      { snapshot, units: [] },
    ]) {
      const again = createStagePartition(options, restored);
      expect([...again.totals()]).toEqual([...state.totals()]);
    }
  });

  it("wants of what an earlier version has sent what it wants itself", () => {
    const [first, ...rest] = meeting([sent.meter, sent.counter], []);
    const stricter = controlLogRecord(0, START, deploy("joins", 1, "stricter"));
    expect(first).toBeDefined();
    const results = resultsOf([stricter, ...rest]);
    expect(results).toEqual(expectedOf(20, 3));
  });

  it("forgets a key of which nothing has come for long, with all that it has kept of it", () => {
    const records = meeting([sent.meter, sent.counter], []);
    const kept = (upTo: number): readonly string[] => {
      const flush = controlLogRecord(records.length, START, { v: 1, kind: "flush", upTo });
      const { state } = runStage([...records, flush], { stage: JOINS_STAGE, partitionCount: 2, load: loadPairs });
      const slots = [...state.snapshotChunks()].flatMap((chunk) => chunk.slots);
      return slots.filter(({ key }) => key.includes("line")).map(({ name }) => name);
    };
    expect(kept(START + 10_000_000)).toEqual(["sides", "1/sizes", "@timer/1/forget"]);
    expect(kept(START + 10_000_000 + LIMITS.joinKeyIdleMs)).toEqual([]);
  });

  it("ends with the device of its key: what is kept is erased, and nothing comes of it any more", () => {
    const records = [...meeting([sent.meter, []], [])];
    records.push(controlLogRecord(records.length, START + 60_000, device("line-1", true)));
    const behind = meeting([[], sent.counter], []).slice(1);
    for (const record of behind) {
      const { timestamp, key, value } = record;
      records.push(logRecord({ offset: records.length, timestamp, key, value, headers: record.headers() }));
    }
    const run = runStage(records, { stage: JOINS_STAGE, partitionCount: 2, load: loadPairs });
    expect(valuesOf(run, "readings")).toEqual([]);
    expect(valuesOf(run, "device-events").map((value) => deviceEventSchema.parse(value))).toMatchObject([
      { device: "line-1", kind: "removed" },
    ]);
    expect([...run.state.snapshotChunks()].flatMap(({ slots }) => slots).filter(({ fn }) => fn === "pairs")).toEqual(
      [],
    );
  });
});
