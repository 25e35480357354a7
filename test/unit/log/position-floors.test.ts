import { describe, expect, it } from "vitest";
import { TOPICS } from "../../../core/topics.ts";
import { LogTopology } from "../../../log/topology.ts";
import { positionFloors } from "../../../log/position-floors.ts";

const topology = new LogTopology(TOPICS, 2);
const at = (name: string, partition: number, offset: number) => ({
  name,
  partition,
  epoch: 1,
  nextTimer: null,
  positions: [{ topic: "readings", partition, offset }],
});
const floorsOf = (journals: readonly ReturnType<typeof at>[]) => {
  const retaining = { required: [], isOnceBegun: (name: string) => name.startsWith("stage:fn-") };
  const found = positionFloors(topology, retaining, journals);
  return "floors" in found ? [0, 1].map((partition) => found.floors[topology.indexOf("readings", partition)]) : found;
};

describe("what retention must not pass", () => {
  it("is what the slowest of those has still to read that are named by a rule, once they have begun", () => {
    expect(floorsOf([])).toEqual([Infinity, Infinity]);
    const own = [at("stage:fn-a", 0, 9), at("stage:fn-a", 1, 9), at("stage:fn-b", 0, 4), at("stage:fn-b", 1, 11)];
    expect(floorsOf([...own, at("stage:other", 0, 1)])).toEqual([4, 9]);
  });

  it("is all, where a partition of a journal that has begun has told nothing", () => {
    expect(floorsOf([at("stage:fn-a", 0, 9)])).toEqual([9, 0]);
  });
});
