import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { controlSchema, type ControlRecord } from "../../../core/control.ts";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { partitionOf } from "../../../core/partitioner.ts";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { createControlRelay } from "../../../runtime/control-relay.ts";
import { createFunctionsStageStart, hasFunctionsStage } from "../../../runtime/functions-stage-start.ts";
import { claimPartition } from "../../../runtime/partition-owner.ts";
import { loadByWord as load } from "../../support/deployed-stage.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../support/memory-event-log.ts";
import { warmPartitions } from "../../support/warm-partitions.ts";
import type { EventLog } from "../../../core/event-log.ts";
import type { ControlOutbox, OutboxEntry } from "../../../core/registry.ts";

const PARTITIONS = 4;
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
const deploy = (sequence: number, body = "map"): OutboxEntry => {
  const version = { name: "f", version: sequence, hash: body, code: `f ${body}` };
  const { name: stage } = FUNCTIONS_STAGE;
  return {
    sequence,
    key: null,
    control: { v: 1, kind: "deploy", revision: sequence, stage, removed: false, function: version },
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
      return { revision: 5, types: [], rules: [], devices: [DEVICE] };
    },
  };
  const relay = async (entries: readonly OutboxEntry[], own: EventLog = log): Promise<void> => {
    pending = [...pending, ...entries];
    const functionsStage = createFunctionsStageStart({
      log: own,
      outbox,
      generation: 1,
      partitionCount: PARTITIONS,
      clock,
    });
    const service = createControlRelay({
      outbox,
      log: own,
      functionsStage,
      partitionCount: PARTITIONS,
      clock,
      logger: silentLogger,
    });
    await service.start();
    while (pending.length > 0) await delay(2);
    await service.stop(AbortSignal.timeout(1000));
  };
  return { log, relay, asked: () => asked };
}

async function controlsIn(log: EventLog, topic: string, partition: number): Promise<readonly ControlRecord[]> {
  const reader = log.openReader([{ topic, partition, offset: 0 }]);
  const slices = await reader.poll({ bytesMax: 1 << 24, waitMs: 0 });
  const values = slices.flatMap(({ records }) => records.map(({ value }) => Buffer.from(value).toString()));
  return values.map((text) => controlSchema.parse(JSON.parse(text)));
}

const kindsIn = async (log: EventLog, topic: string, partition: number) =>
  (await controlsIn(log, topic, partition)).map(({ kind }) => kind);

describe("the stage of users' functions", () => {
  it("begins with the first deploy, at the end of its input, and is told the configuration first", async () => {
    const { log, relay, asked } = bench();
    log.appendNow("readings", HOME, [{ timestamp: 1, key: "t/d1", value: Buffer.from("{}"), headers: [] }]);
    await relay([before, device(2)]);
    expect(hasFunctionsStage(await log.status(), PARTITIONS)).toBe(false);
    await relay([device(3), deploy(6), device(7)]);
    const { journals } = await log.status();
    const starts = journals
      .flatMap(({ positions }) => positions)
      .map(({ partition, offset }) => `${partition} ${offset}`);
    expect(starts.toSorted()).toEqual(Array.from({ length: PARTITIONS }, (_, p) => `${p} ${p === HOME ? 1 : 0}`));
    const [, ...told] = await controlsWithoutFirst(log);
    expect(told.map((one) => ("revision" in one ? one.revision : 0))).toEqual([6, 7]);
    expect(asked()).toBe(1);
    // The main stage is told devices as ever, and no code.
    expect(await kindsIn(log, "telemetry", HOME)).toEqual(["flush", "device", "device", "device"]);
  });

  /** Behind the reading that was there: the configuration, the deploy, and what came after it. */
  async function controlsWithoutFirst(log: EventLog): Promise<readonly ControlRecord[]> {
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
      expect(hasFunctionsStage(await log.status(), PARTITIONS)).toBe(true);
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
    expect(revisions).toEqual([5, 6, 7, 8, 9, 10, 11]);
  });
});

/** What the stage has made of its control records in this partition. */
async function slotsOf(log: EventLog, partition: number): Promise<ReadonlyMap<string, unknown>> {
  const owner = await claimPartition({
    journals: log,
    stage: FUNCTIONS_STAGE,
    partition,
    generation: 1,
    warm: warmPartitions(),
    engine: { load },
  });
  const reader = log.openReader([{ topic: "readings", partition, offset: owner.state.next.offset }]);
  for (const { records } of await reader.poll({ bytesMax: 1 << 24, waitMs: 0 })) {
    for (const record of records) owner.state.process(record);
  }
  owner.state.seal();
  const slots = [...owner.state.snapshotChunks()].flatMap((chunk) => chunk.slots);
  return new Map(slots.map(({ name, value }): [string, unknown] => [name, JSON.parse(value ?? "null")]));
}
