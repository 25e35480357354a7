import { describe, expect, it } from "vitest";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { joinStage } from "../../../kit/function-stages.ts";
import { defineJoin, z } from "../../../kit/function.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { START } from "../../support/function-run.ts";
import type { SnapshotChunk, Slot } from "../../../core/commit-unit.ts";
import type { StagePartition } from "../../../engine/stage-partition.ts";

const SECOND = 1000;
const DAY = 86_400_000;

function stageOf(stateVersion: number, outer?: "left") {
  const stage = joinStage([
    defineJoin({
      name: "j",
      key: ({ device }) => device,
      stateVersion,
      left: { input: z.object({ a: z.number() }) },
      right: { input: z.object({ b: z.number() }) },
      within: "30s",
      ...(outer && { outer }),
      join: (left, right) => {
        if (left?.metrics.a === -1) throw new RangeError("not this one");
        return { s: (left?.metrics.a ?? 0) + (right?.metrics.b ?? 0) };
      },
    }),
  ]);
  if (stage === null) throw new Error("there is no join");
  return stage;
}

/** Readings of both sides, with the given version; then days of silence. */
class Versions {
  private state: StagePartition | null = null;
  private offset = 0;
  sums: unknown[] = [];
  letters = 0;

  begin(stateVersion: number, change: (slot: Slot) => readonly Slot[] = (slot) => [slot], outer?: "left"): void {
    const chunks = [...(this.state?.snapshotChunks() ?? [])];
    const snapshot = chunks.map((chunk): SnapshotChunk => ({ ...chunk, slots: chunk.slots.flatMap(change) }));
    const stage = stageOf(stateVersion, outer);
    this.state = createStagePartition({ stage, partition: 0, generation: 0 }, { snapshot, units: [] });
  }

  put(side: "left" | "right", seconds: number, value = 1): void {
    const ts = START + seconds * SECOND;
    const metrics = side === "left" ? { a: value } : { b: value };
    const sent = { v: 1, tenant: "t", device: "d", key: "k", function: "j", side, ts, received: ts, metrics };
    this.process(logRecord({ offset: this.offset, timestamp: ts, key: "t/k", value: sent }));
  }

  silence(fromDay: number, days: number): void {
    for (let day = fromDay; day < fromDay + days; day += 1) {
      this.process(controlLogRecord(this.offset, START + day * DAY, { v: 1, kind: "tick" }));
    }
  }

  kept(): readonly string[] {
    const slots = [...(this.state?.snapshotChunks() ?? [])].flatMap((chunk) => chunk.slots);
    return slots.flatMap(({ fn, name }) => (fn.startsWith("$partition") ? [] : [`${fn} ${name}`]));
  }

  private process(record: Parameters<StagePartition["process"]>[0]): void {
    for (let done = false; !done;) {
      done = this.state?.process(record) ?? true;
      const outputs = this.state?.seal()?.outputs;
      for (const { value } of outputs?.get("readings") ?? []) {
        this.sums.push(JSON.parse(Buffer.from(value).toString()).metrics.s);
      }
      this.letters += outputs?.get("dead-letters")?.length ?? 0;
    }
    this.offset += 1;
  }
}

describe("what a join keeps of a key", () => {
  it("is gone when nothing comes any more, also what a version before has kept", () => {
    const versions = new Versions();
    versions.begin(1);
    versions.put("left", 0);
    versions.put("right", 1);
    versions.begin(2);
    versions.put("left", 2);
    versions.silence(1, 5);
    expect(versions.kept()).toEqual([]);
  });

  it("is whole where a version comes again", () => {
    const versions = new Versions();
    versions.begin(1);
    for (const at of [0, 1, 2]) versions.put("left", at);
    versions.begin(2);
    versions.put("left", 60);
    versions.put("right", 61);
    versions.begin(1);
    versions.put("left", 70, 10);
    versions.put("right", 80, 5);
    expect(versions.sums).toEqual([2, 15]);
    versions.silence(1, 5);
    expect(versions.kept()).toEqual([]);
  });

  it("is gone where a release before this one has left only the sizes of an old version", () => {
    const versions = new Versions();
    versions.begin(1);
    versions.put("left", 0);
    versions.begin(2, (slot) => (slot.fn === "j" && slot.name !== "1/sizes" ? [] : [slot]));
    versions.put("left", 2);
    versions.silence(1, 5);
    expect(versions.kept()).toEqual([]);
  });

  it("is gone where a reading without a partner has no result because join() throws", () => {
    const versions = new Versions();
    versions.begin(1, undefined, "left");
    versions.put("left", 0, -1);
    versions.put("left", 1, 3);
    versions.silence(1, 5);
    expect(versions.sums).toEqual([3]);
    expect(versions.letters).toBe(1);
    expect(versions.kept()).toEqual([]);
  });
});
