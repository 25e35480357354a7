import { describe, expect, it } from "vitest";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { encodeSnapshotChunk, encodeUnit } from "../../../wire/unit-codec.ts";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { WHOLE } from "../../support/canary-run.ts";
import { deploy, loadByWord as load, reading } from "../../support/deployed-stage.ts";
import { countingStage as stage, message, tick } from "../../support/counting-stage.ts";
import { memoryColdState } from "../../support/memory-cold-state.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { ColdState } from "../../../engine/cold-state.ts";
import type { StagePartition } from "../../../engine/stage-partition.ts";

/** Of one key of this stage, roughly: see KEY_BYTES, FUNCTION_BYTES and SLOT_BYTES. */
const KEY_STATE_BYTES = 1000;

function partitionWith(cold?: ColdState): StagePartition {
  return createStagePartition({ stage, partition: 0, generation: 0, ...(cold === undefined ? {} : { cold }) });
}

function snapshotOf(state: StagePartition): string[] {
  return [...state.snapshotChunks()].map((chunk) => Buffer.from(encodeSnapshotChunk(chunk)).toString("hex"));
}

describe("keys that memory does not hold", () => {
  it("are those that were not used for longest", () => {
    const away: string[] = [];
    const memory = memoryColdState(10 * KEY_STATE_BYTES);
    const cold: ColdState = {
      ...memory,
      put: (entries) => memory.put(entries) && away.push(...entries.map(({ key }) => key)) > 0,
    };
    const state = partitionWith(cold);
    for (let n = 0; n < 40; n += 1) {
      state.process(message(2 * n, `d${n}`, n, 1));
      state.process(message(2 * n + 1, "always", n, 1));
      state.seal();
    }
    // Found in the first round as used as all the others.
    expect(away.filter((key) => key === "t/always").length).toBeLessThanOrEqual(1);
    const once = away.filter((key) => key !== "t/always");
    expect(once.length).toBeGreaterThan(20);
    expect(once.slice(0, 5)).toEqual(["t/d0", "t/d1", "t/d2", "t/d3", "t/d4"]);
    expect(once).not.toContain("t/d39");
  });

  it("make the same snapshot, and are away after it still", () => {
    const cold = memoryColdState(0);
    const [some, all] = [partitionWith(cold), partitionWith()];
    for (const state of [some, all]) {
      for (let n = 0; n < 20; n += 1) state.process(message(n, `d${n}`, n, n));
      state.seal();
    }
    const bytes = some.bytes;
    expect(bytes).toBeLessThan(all.bytes / 1.5);
    expect(snapshotOf(some)).toEqual(snapshotOf(all));
    expect(some.bytes).toBe(bytes);
    expect(cold.counts).toEqual({ put: 20, got: 20 });
    expect([...some.bytesByFunction().keys()]).toEqual(["counter"]);
    expect(some.bytesByFunction().get("counter")).toBeGreaterThan(20 * 1000);
  });

  it("fire their timers when these are due, and only then come back", () => {
    const cold = memoryColdState(0);
    const state = partitionWith(cold);
    for (let n = 0; n < 20; n += 1) state.process(message(n, `d${n}`, n, 1));
    state.seal();
    const due = state.nextTimer ?? Infinity;
    expect(due).toBe(partitionFed().nextTimer);
    state.process(tick(20, 15));
    state.seal();
    expect(cold.counts.got).toBe(0);
    const outputs: RecordInput[] = [];
    for (let finished = false; !finished;) {
      finished = state.process(tick(21, 120));
      outputs.push(...(state.seal()?.outputs.get("device-events") ?? []));
    }
    expect(outputs.map(({ key }) => key)).toEqual(Array.from({ length: 20 }, (_, n) => `t/d${n}`));
    expect(cold.counts.got).toBe(20);

    function partitionFed(): StagePartition {
      const fed = partitionWith();
      for (let n = 0; n < 20; n += 1) fed.process(message(n, `d${n}`, n, 1));
      return fed;
    }
  });

  it("stay in memory when they cannot be put away", () => {
    const memory = memoryColdState(0);
    const refusing: ColdState = { ...memory, put: () => false };
    const [state, other] = [partitionWith(refusing), partitionWith()];
    for (let n = 0; n < 20; n += 1) {
      for (const one of [state, other]) one.process(message(n, `d${n % 3}`, n, 1));
      const [own, its] = [state, other].map((one) => one.seal()?.body);
      if (own === undefined || its === undefined) throw new Error("nothing was sealed");
      expect(encodeUnit(own)).toEqual(encodeUnit(its));
    }
    expect(state.bytes).toBe(other.bytes);
  });

  it("leave memory while a long journal is restored", () => {
    const whole = partitionWith();
    const units = Array.from({ length: 20 }, (_, n) => {
      whole.process(message(n, `d${n}`, n, 1));
      return whole.seal()?.body;
    }).flatMap((body) => body ?? []);
    const cold = memoryColdState(0);
    const restored = createStagePartition({ stage, partition: 0, generation: 0, cold }, { snapshot: [], units });
    expect(cold.counts.put).toBeGreaterThanOrEqual(20);
    expect(restored.bytes).toBeLessThan(whole.bytes / 1.5);
    expect(snapshotOf(restored)).toEqual(snapshotOf(whole));
    expect(restored.nextTimer).toBe(whole.nextTimer);
  });

  it("come back unit by unit when a canary ends that none of them has, and another has begun for them", () => {
    const cold = memoryColdState(0);
    const state = createStagePartition({ stage: FUNCTIONS_STAGE, partition: 0, generation: 0, load, cold });
    state.process(deploy(0, "f", 1, "map"));
    state.process(deploy(1, "g", 1, "sum", 1, [2, "squares", WHOLE]));
    for (let n = 2; n < 22; n += 1) state.process(reading(n, `d${n}`, 1));
    state.process(deploy(22, "f", 1, "map", 22, [2, "sum", WHOLE]));
    state.seal();
    let units = 0;
    for (let finished = false; !finished; units += 1) {
      finished = state.process(deploy(23, "f", 1, "map", 23));
      state.seal();
    }
    expect(units).toBe(20);
  });
});
