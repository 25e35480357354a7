import { z } from "zod";
import { expect, it } from "vitest";
import { defineStream } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
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
