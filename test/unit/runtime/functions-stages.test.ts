import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { controlSchema, type ControlRecord } from "../../../core/control.ts";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { LIMITS } from "../../../core/limits.ts";
import { partitionOf } from "../../../core/partitioner.ts";
import { begunStages, functionsStage, hasBegun } from "../../../core/functions-stage.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE } from "../../../core/stage.ts";
import { isControlRecord } from "../../../core/record.ts";
import { createControlRelay } from "../../../runtime/control-relay.ts";
import { createFunctionsStages } from "../../../runtime/functions-stages.ts";
import { IdleStages } from "../../../runtime/idle-stages.ts";
import { claimPartition } from "../../../runtime/partition-owner.ts";
import { loadByWord as load } from "../../support/deployed-stage.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../support/memory-event-log.ts";
import { warmPartitions } from "../../support/warm-partitions.ts";
import type { EventLog } from "../../../core/event-log.ts";
import type { ControlOutbox, OutboxEntry } from "../../../core/registry.ts";

const PARTITIONS = 4;
const TABLE = { tenant: "t", id: "sites", rows: { d1: { site: "north" } } };
const DEVICE = { tenant: "t", id: "d1", type: null, labels: {}, disabled: false };
const HOME = partitionOf("t/d1", PARTITIONS);
const clock = { now: () => 1_800_000_000_000 };
const before: OutboxEntry = { sequence: 1, key: null, control: { v: 1, kind: "flush", upTo: 1 } };
const device = (sequence: number): OutboxEntry => {
  return {
    sequence,
    key: "t/d1",
    control: { v: 1, kind: "device", revision: sequence, removed: false, device: DEVICE },
  };
};
const deploy = (sequence: number, body = "map", stage = FUNCTIONS_STAGE.name, removed = false): OutboxEntry => {
  const version = { name: "f", version: sequence, hash: body, code: `f ${body}` };
  return {
    sequence,
    key: null,
    control: { v: 1, kind: "deploy", revision: sequence, stage, removed, function: version },
  };
};

/** A relay over a log in which `fails` decides whether an append is lost, and the process with it. */
function bench(log: MemoryEventLog = createMemoryEventLog({ partitionCount: PARTITIONS })) {
  let pending: OutboxEntry[] = [];
  let asked = 0;
  const outbox: ControlOutbox = {
    pending: async (limit) => pending.slice(0, limit),
    markSent: async (sequence) => void (pending = pending.filter((left) => left.sequence > sequence)),
    changed: () => delay(1),
    enqueue: () => Promise.reject(new Error("nothing is queued here")),
    drained: async () => undefined,
    configuration: async () => {
      asked += 1;
      return { revision: 5, types: [], rules: [], tables: [TABLE], devices: [DEVICE] };
    },
  };
  const relay = async (entries: readonly OutboxEntry[], own: EventLog = log): Promise<void> => {
    pending = [...pending, ...entries];
    const stages = createFunctionsStages({ log: own, outbox, generation: 1, partitionCount: PARTITIONS, clock });
    const service = createControlRelay({
      outbox,
      log: own,
      stages,
      idleStages: { look: () => Promise.resolve() },
      partitionCount: PARTITIONS,
      clock,
      logger: silentLogger,
    });
    await service.start();
    while (pending.length > 0) await delay(2);
    await service.stop(AbortSignal.timeout(1000));
  };
  const stages = createFunctionsStages({ log, outbox, generation: 1, partitionCount: PARTITIONS, clock });
  return { log, relay, stages, asked: () => asked };
}

async function controlsIn(log: EventLog, topic: string, partition: number): Promise<readonly ControlRecord[]> {
  const reader = log.openReader([{ topic, partition, offset: 0 }]);
  const slices = await reader.poll({ bytesMax: 1 << 24, waitMs: 0 });
  const controls = slices.flatMap(({ records }) => records).filter(isControlRecord);
  const values = controls.map(({ value }) => Buffer.from(value).toString());
  return values.map((text) => controlSchema.parse(JSON.parse(text)));
}

const kindsIn = async (log: EventLog, topic: string, partition: number) =>
  (await controlsIn(log, topic, partition)).map(({ kind }) => kind);

describe("the stage of users' functions", () => {
  it("begins with the first deploy, at the end of its input, and is told the configuration first", async () => {
    const { log, relay, asked } = bench();
    log.appendNow("readings", HOME, [{ timestamp: 1, key: "t/d1", value: Buffer.from("{}"), headers: [] }]);
    await relay([before, device(2)]);
    expect(hasBegun(await log.status(), "functions", PARTITIONS)).toBe(false);
    await relay([device(3), deploy(6), device(7)]);
    const { journals } = await log.status();
    const starts = journals
      .flatMap(({ positions }) => positions)
      .map(({ partition, offset }) => `${partition} ${offset}`);
    expect(starts.toSorted()).toEqual(Array.from({ length: PARTITIONS }, (_, p) => `${p} ${p === HOME ? 1 : 0}`));
    const told = await controlsBehindReading(log);
    expect(told.map((one) => ("revision" in one ? one.revision : 0))).toEqual([5, 5, 6, 7]);
    expect(asked()).toBe(1);
    // The main stage is told devices as ever, and no code.
    expect(await kindsIn(log, "telemetry", HOME)).toEqual(["flush", "device", "device", "device"]);
  });

  /** Behind the reading that was there: the configuration, the deploy, and what came after it. */
  async function controlsBehindReading(log: EventLog): Promise<readonly ControlRecord[]> {
    const reader = log.openReader([{ topic: "readings", partition: HOME, offset: 1 }]);
    const slices = await reader.poll({ bytesMax: 1 << 24, waitMs: 0 });
    return slices.flatMap(({ records }) =>
      records.map(({ value }) => controlSchema.parse(JSON.parse(Buffer.from(value).toString()))),
    );
  }

  it("goes on after whatever append or commit was lost with the process, and nothing of it counts twice", async () => {
    for (let lostAt = 0; lostAt < 40; lostAt += 1) {
      const { log, relay } = bench();
      let calls = 0;
      const breaks = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
        return (...args: Args): Promise<Result> => {
          if (calls++ === lostAt) return Promise.reject(new MillraceError("LOG_IO", "lost"));
          return call(...args);
        };
      };
      const breaking = { ...log, append: breaks(log.append), claim: breaks(log.claim), commit: breaks(log.commit) };
      await relay([device(2), deploy(6), deploy(7, "sum")], breaking);
      expect(hasBegun(await log.status(), "functions", PARTITIONS)).toBe(true);
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const slots = await slotsOf(log, partition);
        expect(slots.get("fn/f")).toMatchObject({ revision: 7, function: { hash: "sum" } });
        if (partition === HOME) expect(slots.get("device")).toMatchObject({ revision: 5, value: DEVICE });
      }
    }
  });

  it("takes what comes for it in the order of the outbox, each partition", async () => {
    const { log, relay } = bench();
    await relay([deploy(6), deploy(7), deploy(8)]);
    await relay([deploy(9), device(10), deploy(11)]);
    const revisions = (await controlsIn(log, "readings", HOME)).map((one) => ("revision" in one ? one.revision : 0));
    expect(revisions).toEqual([5, 5, 6, 7, 8, 9, 10, 11]);
  });
});

describe("a stage of its own", () => {
  it("begins when it is first named, beside the one that all share, and obeys what names it", async () => {
    const { log, relay, asked } = bench();
    await relay([deploy(6, "shared")]);
    log.appendNow("readings", HOME, [{ timestamp: 1, key: "t/d1", value: Buffer.from("{}"), headers: [] }]);
    const ends = (await log.status()).partitions.filter(({ topic }) => topic === "readings");
    await relay([device(7), deploy(8, "own", "fn-heavy"), deploy(9, "own again", "fn-heavy")]);
    const { journals } = await log.status();
    const starts = journals.filter(({ name }) => name === "stage:fn-heavy").flatMap(({ positions }) => positions);
    expect(starts).toEqual(
      ends.map(({ topic, partition, endOffset: offset }) => expect.objectContaining({ topic, partition, offset })),
    );
    expect((await slotsOf(log, HOME, "fn-heavy")).get("fn/f")).toMatchObject({ function: { hash: "own again" } });
    expect((await slotsOf(log, HOME)).get("fn/f")).toMatchObject({ function: { hash: "shared" } });
    // The configuration once for each stage that begins; every record of the outbox once for all of them.
    expect(asked()).toBe(2);
    const revisions = (await controlsIn(log, "readings", HOME)).map((one) => ("revision" in one ? one.revision : 0));
    expect(revisions).toEqual([5, 5, 6, 5, 5, 7, 8, 9]);
  });

  it("ends with its last function, has no state any more, and begins anew at the end of then", async () => {
    const { log, relay, stages } = bench();
    await relay([deploy(6), deploy(7, "own", "fn-heavy")]);
    const old = await ownerOf(log, HOME, "fn-heavy");
    await stages.end("fn-heavy");
    expect(begunStages(await log.status()).map(({ name }) => name)).toEqual(["functions"]);
    old.state.condemn({ offset: 1, step: 0, call: 1, errorClass: "WorkerDied", error: "" });
    await old.commit();
    await old.settled();
    expect(old.failure).toMatchObject({ code: "JOURNAL_FENCED" });

    await relay([deploy(8, "third", "fn-heavy")]);
    expect(hasBegun(await log.status(), "fn-heavy", PARTITIONS)).toBe(true);
    expect((await slotsOf(log, HOME, "fn-heavy")).get("fn/f")).toMatchObject({ revision: 8 });
  });

  it("is ended when nothing lives in it and all before was worked, or its time is over", async () => {
    const { log, relay, stages } = bench();
    await relay([deploy(6), deploy(7, "own", "fn-slow"), deploy(8, "own", "fn-done")]);
    let now = 0;
    let live = new Set(["functions", "fn-slow", "fn-done"]);
    const names = async () => begunStages(await log.status()).map(({ name }) => name);
    const idle = new IdleStages({
      log,
      stages,
      live: async () => live,
      monotonic: { now: () => now },
      logger: silentLogger,
    });
    const look = async () => {
      now += 1000;
      await idle.look();
      return names();
    };
    expect(await look()).toEqual(["functions", "fn-done", "fn-slow"]);
    live = new Set(["functions"]);
    expect(await look()).toEqual(["functions", "fn-done", "fn-slow"]);
    for (let partition = 0; partition < PARTITIONS; partition += 1) await workAll(log, partition, "fn-done");
    // What comes behind is not waited for.
    log.appendNow("readings", HOME, [{ timestamp: 1, key: "t/d1", value: Buffer.from("{}"), headers: [] }]);
    expect(await look()).toEqual(["functions", "fn-slow"]);
    now += LIMITS.functionStageEndMsMax;
    expect(await look()).toEqual(["functions"]);
  });
});

describe("the stage of joins", () => {
  const join = (sequence: number, removed = false): readonly OutboxEntry[] => [
    deploy(sequence, "code", JOINS_STAGE.name, removed),
    deploy(sequence + 1, "code", FUNCTIONS_STAGE.name, removed),
  ];
  const revisions = async (log: EventLog, topic: string) =>
    (await controlsIn(log, topic, HOME)).map((one) => ("revision" in one ? one.revision : 0));

  it("begins with the first join, with the configuration, and is told what concerns it; nobody else is told of its deploys", async () => {
    const { log, relay } = bench();
    await relay([deploy(6), device(7)]);
    expect(await revisions(log, "repartition")).toEqual([]);
    await relay([device(8), ...join(9), device(11), ...join(12, true)]);
    expect(begunStages(await log.status()).map(({ name }) => name)).toEqual(["functions", "joins"]);
    expect(await revisions(log, "repartition")).toEqual([5, 5, 9, 11, 12]);
    expect(await revisions(log, "readings")).toEqual([5, 5, 6, 7, 8, 10, 11, 13]);
    const { journals } = await log.status();
    const starts = journals.filter(({ name }) => name === "stage:joins").flatMap(({ positions }) => positions);
    expect(starts.map(({ topic, offset }) => `${topic} ${offset}`)).toEqual(
      Array.from({ length: PARTITIONS }, () => "repartition 0"),
    );
  });

  it("has been told of a join in every partition before any partition sends something to it", async () => {
    const { log, relay } = bench();
    const appended: string[] = [];
    const noting: EventLog = {
      ...log,
      async append(topic, partition, records) {
        await delay(topic === "repartition" ? 3 : 0);
        const offset = await log.append(topic, partition, records);
        const text = Buffer.from(records.at(-1)?.value ?? []).toString();
        if (text.includes('"deploy"')) appended.push(topic);
        return offset;
      },
    };
    await relay(join(6), noting);
    const all = (topic: string) => Array.from({ length: PARTITIONS }, () => topic);
    expect(appended).toEqual([...all("repartition"), ...all("readings")]);
  });
});

async function workAll(log: EventLog, partition: number, stage: string): Promise<void> {
  const owner = await ownerOf(log, partition, stage);
  const reader = log.openReader([{ topic: "readings", partition, offset: owner.state.next.offset }]);
  for (const { records } of await reader.poll({ bytesMax: 1 << 24, waitMs: 0 })) {
    for (const record of records) owner.state.process(record);
  }
  await owner.commit();
  await owner.settled();
}

const ownerOf = (log: EventLog, partition: number, stage: string) =>
  claimPartition({
    journals: log,
    stage: functionsStage(stage),
    partition,
    generation: 1,
    warm: warmPartitions(),
    engine: { load },
  });

/** What the stage has made of its control records in this partition. */
async function slotsOf(log: EventLog, partition: number, stage = "functions"): Promise<ReadonlyMap<string, unknown>> {
  const owner = await ownerOf(log, partition, stage);
  const reader = log.openReader([{ topic: "readings", partition, offset: owner.state.next.offset }]);
  for (const { records } of await reader.poll({ bytesMax: 1 << 24, waitMs: 0 })) {
    for (const record of records) owner.state.process(record);
  }
  owner.state.seal();
  const slots = [...owner.state.snapshotChunks()].flatMap((chunk) => chunk.slots);
  return new Map(slots.map(({ name, value }): [string, unknown] => [name, JSON.parse(value ?? "null")]));
}
