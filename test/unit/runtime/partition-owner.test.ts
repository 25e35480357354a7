import { z } from "zod";
import { describe, expect, it } from "vitest";
import { defineStream } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { OwnedPartitions } from "../../../runtime/owned-partitions.ts";
import { claimPartition, type PartitionOwner } from "../../../runtime/partition-owner.ts";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { deploy, loadByWord as load } from "../../support/deployed-stage.ts";
import { message, reader } from "../../support/counting-stage.ts";
import { openJournal, SharedJournal } from "../../support/shared-journal.ts";

const SLOT_BYTES = 600_000;
const DEVICES = Math.ceil(LIMITS.snapshotAfterBytes / SLOT_BYTES) + 2;
const hoarder = defineStream({
  name: "hoarder",
  version: 1,
  input: "readings",
  outputs: [],
  state: z.string(),
  onInput: (_reading, context) => context.state.set("text", "x".repeat(SLOT_BYTES)),
});

it("an owner whose snapshot is large makes no other until as much has come behind it", async () => {
  const shared = new SharedJournal();
  const claim = (): Promise<PartitionOwner> => {
    const { journals, warm } = openJournal(shared, "p");
    const stage = { name: "main", input: "telemetry", functions: [reader, hoarder] } as const;
    return claimPartition({ journals, warm, stage, partition: 0, generation: 0 });
  };
  const work = async (owner: PartitionOwner, from: number, to: number): Promise<number> => {
    const before = shared.length;
    for (let offset = from; offset < to; offset++) {
      owner.state.process(message(offset, `d${offset % DEVICES}`, offset, 1));
      await owner.commit();
    }
    await owner.settled();
    return shared.length - before;
  };
  expect(await work(await claim(), 0, DEVICES)).toBeGreaterThan(DEVICES);
  expect(await work(await claim(), DEVICES, DEVICES + 3)).toBe(3);
});

it("an owner writes a snapshot after as many units as it is told, and the next one goes on from it", async () => {
  const shared = new SharedJournal();
  const claim = (): Promise<PartitionOwner> => {
    const { journals, warm } = openJournal(shared, "p");
    const stage = { name: "main", input: "telemetry", functions: [reader] } as const;
    return claimPartition({ journals, warm, stage, partition: 0, generation: 0, snapshotAfterUnits: 3 });
  };
  const owner = await claim();
  const before = shared.length;
  for (let offset = 0; offset < 7; offset += 1) {
    owner.state.process(message(offset, "a", offset, 1));
    await owner.commit();
  }
  await owner.settled();
  expect(shared.length - before).toBe(7 + 2);
  const next = await claim();
  expect(next.state.next).toEqual(owner.state.next);
  expect(next.state.totals()).toEqual(owner.state.totals());
});

it("an owner that restores a stopped canary tells who watches canaries, who may not have seen it", async () => {
  const shared = new SharedJournal();
  const told: string[] = [];
  const meter = {
    begin: () => undefined,
    end: () => undefined,
    compared: (id: string, outcome: string) => void told.push(`${id} ${outcome}`),
  };
  const claim = (): Promise<PartitionOwner> => {
    const { journals, warm } = openJournal(shared, "p");
    return claimPartition({
      journals,
      warm,
      stage: FUNCTIONS_STAGE,
      partition: 0,
      generation: 0,
      engine: { load, meter },
    });
  };
  const owner = await claim();
  owner.state.process(deploy(0, "f", 1, "map"));
  owner.state.process(deploy(1, "f", 1, "map", 1, [2, "squares", 5000]));
  await owner.commit();
  await owner.settled();
  await claim();
  expect(told).toEqual([]);
  const stopping = await claim();
  await stopping.stopCanary("f@2");
  expect(told).toEqual([]);
  await claim();
  expect(told).toEqual(["f@2 canaryFatal"]);
});

/** Large for devices that begin with "big", once. */
const keeper = defineStream({
  name: "keeper",
  version: 1,
  input: "readings",
  outputs: [],
  state: z.string(),
  onInput: (_reading, context) => {
    if (!context.device.startsWith("big")) context.state.set("text", "x");
    else if (context.state.get("text") === undefined) context.state.set("text", "x".repeat(SLOT_BYTES));
  },
});

describe("an owner to whom nothing comes", () => {
  const open = () => {
    const shared = new SharedJournal();
    const { journals, warm } = openJournal(shared, "p");
    const stage = { name: "main", input: "telemetry", functions: [reader, keeper] } as const;
    const claim = () => claimPartition({ journals, warm, stage, partition: 0, generation: 0 });
    let offset = 0;
    const work = async (owner: PartitionOwner, device: string, units: number): Promise<void> => {
      for (const end = offset + units; offset < end; offset += 1) {
        owner.state.process(message(offset, device, offset, 1));
        await owner.commit();
      }
      await owner.settled();
    };
    const rest = async (owner: PartitionOwner): Promise<number> => {
      const before = shared.length;
      owner.snapshotIdle();
      await owner.settled();
      return shared.length - before;
    };
    return { claim, work, rest, journals, warm };
  };

  it("writes a snapshot for who works the partition next, once, and not of a few units", async () => {
    const { claim, work, rest } = open();
    const owner = await claim();
    await work(owner, "a", LIMITS.snapshotIdleUnits - 1);
    expect(await rest(owner)).toBe(0);
    await work(owner, "a", 1);
    expect(await rest(owner)).toBe(1);
    expect(await rest(owner)).toBe(0);
    const next = await claim();
    expect(next.state.next).toEqual(owner.state.next);
    expect(next.state.totals()).toEqual(owner.state.totals());
  });

  it("does not write a large state anew for a few bytes", async () => {
    const { claim, work, rest } = open();
    const owner = await claim();
    await work(owner, "big-1", 1);
    await work(owner, "a", LIMITS.snapshotIdleUnits);
    expect(await rest(owner)).toBeGreaterThan(0);
    await work(owner, "a", LIMITS.snapshotIdleUnits);
    expect(await rest(owner)).toBe(0);
  });

  it("is asked when it has rested for long enough", async () => {
    const { claim, journals, warm } = open();
    let now = 0;
    let written = 0;
    const owned = new OwnedPartitions({
      log: journals,
      stage: "main",
      monotonic: { now: () => now },
      logger: silentLogger,
      warm,
      claim: async () => {
        const owner = await claim();
        return { ...owner, state: owner.state, failure: undefined, snapshotIdle: () => void (written += 1) };
      },
      inLoop: (change) => change(),
      onEnd: (error) => expect.fail(String(error)),
    });
    await owned.take([0]);
    await owned.tend(false);
    now = LIMITS.snapshotIdleMs - 1;
    await owned.tend(true);
    expect(written).toBe(0);
    now += 1;
    await owned.tend(true);
    expect(written).toBe(1);
    await owned.tend(false);
    now += 1000;
    await owned.tend(true);
    expect(written).toBe(1);
  });
});
